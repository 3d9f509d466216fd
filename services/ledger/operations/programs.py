"""Programs, units and accounts: made once. Of a program what people call it and its policies can be changed."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from guerdon_kit.clock import Clock
from guerdon_kit.days import time_zones
from guerdon_kit.errors import AlreadyExists, InvalidField, NotFound
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database, requests
from ledger.domain.model import Account, AccountKind, Kind, Program, Unopened
from ledger.domain.policies import Policies, PolicyChange
from ledger.store import policies, rows
from ledger.store.directory import Directory, NewAccount, Unit, queries
from ledger.store.ids import IdBlocks
from ledger.store.under_way import ended

UNIT_SYSTEM_KINDS = (AccountKind.ISSUANCE, AccountKind.REDEMPTION, AccountKind.BREAKAGE, AccountKind.ADJUSTMENT)
"""What a unit comes with, one of each."""
CREATABLE = frozenset({AccountKind.MEMBER, AccountKind.EXCHANGE, AccountKind.BUDGET})
DISPLAY_NAME_MAX = 200
LABELS_MAX = 32
LABEL_VALUE_MAX = 200

_UNIT_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,29}")
_LABEL_KEY = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_MEMBER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_~-]{0,62}")


@dataclass(frozen=True, slots=True)
class ProgramState:
    """A program with what can be changed of it."""

    program: Program
    display_name: str
    policies: Policies
    units: Mapping[int, str]
    """The ids of its units, by number."""


@dataclass(frozen=True, slots=True)
class ProgramChange:
    """A change of a program that is asked for; what is None stays as it is."""

    display_name: str | None
    adjustment_limits: Mapping[int, int] | None
    restored_lot_grace: timedelta | None
    actor: str

    @property
    def of_policies(self) -> bool:
        """Whether it changes any."""
        return self.adjustment_limits is not None or self.restored_lot_grace is not None

    def applied(self, before: Policies) -> Policies:
        """The policies after it."""
        limits = before.adjustment_limits if self.adjustment_limits is None else self.adjustment_limits
        grace = before.restored_lot_grace if self.restored_lot_grace is None else self.restored_lot_grace
        return replace(before, adjustment_limits=limits, restored_lot_grace=grace)


class Programs:
    """Makes programs, units and accounts."""

    def __init__(self, database: Database, directory: Directory, clock: Clock, shards: int) -> None:
        self._database = database
        self._directory = directory
        self._clock = clock
        self._shards = shards

    async def create_program(
        self, fingerprint: Fingerprint, id_: str, display_name: str, time_zone: str, wanted: Policies, actor: str
    ) -> tuple[Program, bool]:
        """Makes a program; answers it, and whether the request had come before.

        Raises:
            InvalidField: a name is too long, or the zone is unknown.
            AlreadyExists: the id is taken.
        """
        _check_display_name(display_name, "program.display_name")
        if time_zone not in time_zones():
            raise InvalidField.of("program.time_zone", "must be the name of an IANA time zone, such as Europe/London")
        shard = zlib.crc32(id_.encode()) % self._shards

        async def make(connection: Connection) -> bytes:
            row = await queries.insert_program(
                connection,
                id=id_,
                display_name=display_name,
                time_zone=time_zone,
                shard=shard,
                create_time=self._clock.now(),
            )
            if row is None:
                raise AlreadyExists(f"programs/{id_}")
            if wanted != Policies():
                await policies.insert(connection, rows.program(row), 1, wanted, actor, self._clock.now())
            return b""

        _, replayed = await requests.once(self._database, fingerprint, make)
        return await self._directory.program_by_id(id_), replayed

    async def update_program(
        self, fingerprint: Fingerprint, program: Program, change: ProgramChange
    ) -> tuple[ProgramState, bool]:
        """Changes a program; answers it as it then is, and whether the request had come before.

        Once this returns, changed policies hold for whatever is decided: what was under way has ended. Whoever stops
        waiting for that has changed them all the same. Raises InvalidField.
        """
        if change.display_name is not None:
            _check_display_name(change.display_name, "program.display_name")

        async def work(connection: Connection) -> bytes:
            if change.display_name is not None:
                await queries.update_program(connection, program=program.number, display_name=change.display_name)
            number, before = (await policies.read(connection, [program]))[program.number]
            if change.of_policies:
                number += 1
                now = await queries.clock(connection) + self._clock.offset()
                await policies.insert(connection, program, number, change.applied(before), change.actor, now)
            return str(number).encode()

        outcome, replayed = await requests.once(self._database, fingerprint, work)
        if change.of_policies:
            await ended(self._database)  # also where the request came before: its worker may have died while it waited
        state = await self.state(program, int(outcome))
        return (state if change.display_name is None else replace(state, display_name=change.display_name)), replayed

    async def state(self, program: Program, policy_change: int = policies.NEWEST) -> ProgramState:
        """What can be changed of a program, as it is now, or with its policies as that change left them."""
        async with self._database.acquire() as connection:
            name = str(await queries.display_name_of_program(connection, program=program.number))
            _, found = (await policies.read(connection, [program], policy_change))[program.number]
        units = await self._directory.units(program)
        return ProgramState(program, name, found, {unit.number: unit.id for unit in units})

    async def policy_changes(
        self, program: Program, before: int, limit: int
    ) -> tuple[Sequence[PolicyChange], Mapping[int, str]]:
        """The newest changes of a program's policies with a number below `before`, newest first; and the ids of its
        units, by number.
        """
        async with self._database.acquire() as connection:
            found = await policies.changes(connection, program, before, limit)
        return found, {unit.number: unit.id for unit in await self._directory.units(program)}

    async def create_unit(
        self, fingerprint: Fingerprint, program: Program, id_: str, display_name: str, scale: int
    ) -> tuple[Unit, bool]:
        """Makes a unit with its system accounts. Raises InvalidField, AlreadyExists."""
        _check_display_name(display_name, "unit.display_name")
        if _UNIT_ID.fullmatch(id_) is None:
            raise InvalidField.of("unit.name", "the unit's id must be 1 to 30 of a-z 0-9 -")
        if not 0 <= scale <= 9:
            raise InvalidField.of("unit.scale", "must be 0 to 9")

        async def make(connection: Connection) -> bytes:
            row = await queries.insert_unit(
                connection, program=program.number, id=id_, display_name=display_name, scale=scale
            )
            if row is None:
                raise AlreadyExists(f"{program.name}/units/{id_}")
            accounts = [NewAccount(row["unit"], kind, f"{kind.name.lower()}.{id_}") for kind in UNIT_SYSTEM_KINDS]
            await self._make(connection, program, accounts, self._clock.now())
            return b""

        _, replayed = await requests.once(self._database, fingerprint, make)
        unit = await self.unit(program, id_)
        return unit, replayed

    async def create_account(
        self, fingerprint: Fingerprint, program: Program, wanted: AccountOrder
    ) -> tuple[Account, bool]:
        """Makes an account. Raises InvalidField, NotFound, AlreadyExists."""
        unit = await self.unit(program, wanted.unit_id)
        id_ = wanted.id
        account = new_account(wanted, unit, "account")

        async def make(connection: Connection) -> bytes:
            made = await self._make(connection, program, [account], self._clock.now())
            if not made:
                raise AlreadyExists(f"{program.name}/accounts/{id_}")
            return b""

        _, replayed = await requests.once(self._database, fingerprint, make)
        return await self._directory.account(f"{program.name}/accounts/{id_}"), replayed

    async def create_accounts(
        self, fingerprint: Fingerprint, program: Program, wanted: Sequence[AccountOrder]
    ) -> tuple[int, bool]:
        """Makes those of the accounts that do not exist; answers how many those were.

        Raises:
            InvalidField: an id does not fit its kind, or occurs twice.
            NotFound: a unit does not exist.
            AlreadyExists: an account exists with another unit, kind or `outgoing`; nothing is made.
        """
        units = {unit.id: unit for unit in await self._directory.units(program)}
        accounts: dict[str, NewAccount] = {}
        for index, order in enumerate(wanted):
            field = f"accounts[{index}]"
            if order.unit_id not in units:
                raise NotFound(f"{program.name}/units/{order.unit_id}")
            account = new_account(order, units[order.unit_id], field)
            if account.id in accounts:
                raise InvalidField.of(f"{field}.name", "occurs twice")
            accounts[account.id] = account

        made: list[Account] = []

        async def make(connection: Connection) -> bytes:
            made[:] = await self._make(connection, program, [*accounts.values()], self._clock.now())
            if len(made) < len(accounts):
                names = {account.name for account in made}
                rest = [id_ for id_ in accounts if f"{program.name}/accounts/{id_}" not in names]
                async for row in queries.accounts_by_name(
                    connection, shard=program.shard, program=program.number, names=rest
                ):
                    there, wanted_one = rows.account(row, program), accounts[row["name"]]
                    if (there.unit, there.kind, there.outgoing) != (
                        wanted_one.unit,
                        wanted_one.kind,
                        wanted_one.outgoing,
                    ):
                        raise AlreadyExists(f"{program.name}/accounts/{row['name']}")
            return str(len(made)).encode()

        forgotten = self._directory.forgotten
        outcome, replayed = await requests.once(self._database, fingerprint, make)
        if not replayed:
            self._directory.learn(made, forgotten)  # whoever opens accounts is about to post to them
        return int(outcome), replayed

    async def unopened(self, program: Program, unit_id: str, names: Iterable[str]) -> dict[str, Unopened]:
        """The accounts that these names may be opened as, in that unit: of those that are member accounts' of the
        program and that are not in memory. Raises NotFound where the unit does not exist.
        """
        unit = await self.unit(program, unit_id)
        prefix = f"{program.name}/accounts/"
        wanted = [
            name
            for name in dict.fromkeys(names)
            if name.startswith(prefix)
            and self._directory.known_account(name) is None
            and _MEMBER_ID.fullmatch(name, len(prefix)) is not None
        ]
        if not wanted:
            return {}
        ids = IdBlocks()
        async with self._database.acquire() as connection:
            await ids.reserve(connection, len(wanted))
        now, shared = self._clock.now(), self._directory.unopened
        found: dict[str, Unopened] = {}
        for name in wanted:
            known = shared.get(name)
            if known is None or known.unit != unit.number:
                known = Unopened(program.shard, ids.take(1), program, unit.number, AccountKind.MEMBER, name, now)
                shared[name] = known
            found[name] = known
        return found

    async def _make(
        self, connection: Connection, program: Program, accounts: Sequence[NewAccount], now: datetime
    ) -> list[Account]:
        ids = IdBlocks()
        await ids.reserve(connection, len(accounts))
        numbers = [ids.take(1) for _ in accounts]
        made = [
            rows.account(row, program)
            async for row in queries.insert_accounts(
                connection,
                shard=program.shard,
                program=program.number,
                ids=numbers,
                units=[account.unit for account in accounts],
                kinds=[account.kind for account in accounts],
                names=[account.id for account in accounts],
                outgoings=[",".join(str(kind.value) for kind in sorted(account.outgoing)) for account in accounts],
                create_time=now,
            )
        ]
        labels = {f"{program.name}/accounts/{account.id}": account.labels for account in accounts if account.labels}
        labelled = [account for account in made if account.name in labels]
        if labelled:
            await queries.insert_labels(
                connection,
                shard=program.shard,
                accounts=[account.id for account in labelled],
                labels=[labels[account.name] for account in labelled],
            )
        return made

    async def unit(self, program: Program, id_: str) -> Unit:
        """A program's unit by its id. Raises NotFound."""
        for unit in await self._directory.units(program):
            if unit.id == id_:
                return unit
        raise NotFound(f"{program.name}/units/{id_}")


@dataclass(frozen=True, slots=True)
class AccountOrder:
    """An account that is asked for."""

    unit_id: str
    kind: AccountKind
    id: str
    labels: Mapping[str, str]
    outgoing: frozenset[Kind] = frozenset()
    """By which kinds of transaction its points may leave it; none: by all."""


def new_account(order: AccountOrder, unit: Unit, field: str) -> NewAccount:
    """The account to make. Raises InvalidField where it is out of its bounds."""
    check_account(order.kind, order.id, unit, field)
    check_labels(order.labels, f"{field}.labels")
    if order.outgoing and order.kind is not AccountKind.MEMBER:
        raise InvalidField.of(f"{field}.outgoing", "is for MEMBER accounts only")
    return NewAccount(unit.number, order.kind, order.id, dict(order.labels), order.outgoing)


def check_account(kind: AccountKind, id_: str, unit: Unit, field: str) -> None:
    """Raises InvalidField where the id does not fit the kind, or the kind cannot be created."""
    if kind not in CREATABLE:
        raise InvalidField.of(f"{field}.kind", "must be MEMBER, EXCHANGE or BUDGET")
    if kind is AccountKind.MEMBER:
        if _MEMBER_ID.fullmatch(id_) is None:
            raise InvalidField.of(f"{field}.name", "a MEMBER account's id must be 1 to 63 of A-Z a-z 0-9 _ ~ -")
        return
    prefix = f"{kind.name.lower()}.{unit.id}"
    if id_ != prefix and not id_.startswith(f"{prefix}."):
        raise InvalidField.of(f"{field}.name", f"the id of this account must be {prefix}, or begin with {prefix}.")


def check_labels(labels: Mapping[str, str], field: str) -> None:
    """Raises InvalidField where labels are out of their bounds. No label is named: its key may tell of a person too."""
    if len(labels) > LABELS_MAX:
        raise InvalidField.of(field, f"must be at most {LABELS_MAX}")
    if any(_LABEL_KEY.fullmatch(key) is None for key in labels):
        raise InvalidField.of(field, "keys must be 1 to 63 of a-z 0-9 . _ - and begin with a letter or digit")
    if any(len(value) > LABEL_VALUE_MAX or "\0" in value for value in labels.values()):
        raise InvalidField.of(field, f"values must have at most {LABEL_VALUE_MAX} characters, none of them NUL")


def _check_display_name(value: str, field: str) -> None:
    if len(value) > DISPLAY_NAME_MAX or "\0" in value:
        raise InvalidField.of(field, f"must have at most {DISPLAY_NAME_MAX} characters, none of them NUL")
