"""Members' personal data: read, found by, changed. Contacts belong to one member of a program at most."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from guerdon_kit.clock import Clock
from guerdon_kit.errors import FieldViolation, InvalidField, NotFound
from guerdon_kit.events import publish
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database
from guerdon_kit.postgres.requests import once
from membership.domain.endings import ended
from membership.domain.errors import ContactTaken, ContactUnknown
from membership.domain.members import Member
from membership.domain.profiles import NOTHING_KNOWN, Contact, Profile, check, fields_of
from membership.domain.program import Program
from membership.operations.events import member_updated
from membership.store import members, profiles


class Profiles:
    """Personal data of members."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def find(self, program: Program, contact: Contact, field: str) -> Member:
        """The member who has a contact, which was asked for as `field`.

        Raises:
            ContactUnknown: nobody has it.
        """
        async with self._database.acquire() as connection:
            found = await profiles.find(connection, program, contact)
        if found is None:
            raise ContactUnknown(program.name, field)
        return found

    async def get(self, program: Program, member_id: str) -> Profile:
        """What is known of a member.

        Raises:
            NotFound: there is no such member.
        """
        async with self._database.acquire() as connection:
            member = await members.find(connection, program, member_id)
            if member is None:
                raise NotFound(f"{program.name}/members/{member_id}")
            return (await profiles.of(connection, [member.member_no])).get(member.member_no, NOTHING_KNOWN)

    async def update(
        self, program: Program, member_id: str, changes: Profile, names: frozenset[str], fingerprint: Fingerprint
    ) -> bool:
        """Sets the fields `names` of a member's profile as `changes` has them; answers whether this is a replay.

        Raises:
            NotFound: there is no such member.
            InvalidField: the profile would be out of its bounds.
            ContactTaken: another member has a contact of it.
            MemberClosed, MemberErased: the membership has ended.
        """
        now = self._clock.now()

        async def work(connection: Connection) -> bytes:
            member = await members.hold(connection, program, member_id)
            why = ended(program, member)
            if why is not None:
                raise why
            number = member.member_no
            known = (await profiles.of(connection, [number])).get(number, NOTHING_KNOWN)
            profile = checked_profile(program, known.with_fields(names, changes), now, "profile.")
            await write_profile(connection, program, number, profile)
            await profiles.link(connection, [number], fingerprint.key)
            changed = [name for name in names if getattr(known, name) != getattr(profile, name)]
            if changed:
                await publish(connection, member_updated(program, member, changed, now))
            return b""

        _, replayed = await once(self._database, fingerprint, work)
        return replayed


def checked_profile(program: Program, profile: Profile, now: datetime, prefix: str) -> Profile:
    """A profile in the form in which it is kept; `prefix` leads the fields of violations.

    Raises:
        InvalidField: it is out of its bounds.
    """
    try:
        return check(profile, now.astimezone(ZoneInfo(program.time_zone)).date())
    except InvalidField as error:
        raise InvalidField(FieldViolation(prefix + one.field, one.description) for one in error.violations) from error


async def write_profile(connection: Connection, program: Program, member_no: int, profile: Profile) -> None:
    """Sets the checked profile of a member, whose row the caller holds.

    Raises:
        ContactTaken: another member has a contact of it.
        Rerun: another transaction took one meanwhile.
    """
    owners = await profiles.owners(connection, program, profile.contacts())
    taken = [contact for contact, owner in owners.items() if owner != member_no]
    if taken:
        raise ContactTaken(fields_of(taken))
    await profiles.write(connection, program, {member_no: profile})
