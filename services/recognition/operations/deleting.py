"""Taking a recognition back, with all that was added onto it."""

from __future__ import annotations

from collections import Counter

from guerdon_kit.clock import Clock
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.ids import new_id
from guerdon_kit.postgres import Connection, Database, requests
from recognition.clients.ledger import Ledger
from recognition.domain.acting import Acting
from recognition.domain.changes import ChangeKey, ChangeKind, NewChange
from recognition.domain.errors import PointsSpent
from recognition.domain.people import person_name
from recognition.domain.recognitions import State
from recognition.domain.takings import Recovery, TakingPolicy, take_all
from recognition.operations.authors import lock_for_author
from recognition.operations.changing import Changing
from recognition.store import movements
from recognition.store import people as people_store
from recognition.store import recognitions as store


class Deleting:
    """The ends of recognitions."""

    def __init__(self, database: Database, clock: Clock, ledger: Ledger, changing: Changing) -> None:
        self._database = database
        self._clock = clock
        self._ledger = ledger
        self._changing = changing

    async def delete(
        self, fingerprint: Fingerprint, organisation: str, recognition: str, policy: TakingPolicy, acting: Acting
    ) -> tuple[list[Recovery], bool]:
        """Takes a recognition back; answers what came back, and whether this is a replay. From the moment that it is
        taken in nobody sees the recognition or adds onto it any more; what was added before is taken back with it.

        Raises:
            NotFound: there is none, it is gone, or it is not theirs to see.
            RoleRequired: it is another's.
            PointsSpent: the policy is REFUSE, and somebody has spent it.
            Unavailable: it is taken in, and the ledger has not answered; the same request tells what came back.
        """
        if policy is TakingPolicy.REFUSE:
            await self._require_unspent(fingerprint, organisation, recognition, acting)

        async def work(connection: Connection) -> bytes:
            found, person = await lock_for_author(connection, organisation, recognition, acting)
            change = NewChange(
                organisation=organisation,
                id=new_id("rd"),
                recognition=recognition,
                kind=ChangeKind.DELETE,
                person=person,
                giver=found.draft.giver,
                receivers=(),
                amounts=(),
                actor=acting.actor,
                create_time=self._clock.now(),
                policy=policy,
            )
            await store.set_state(connection, organisation, recognition, State.DELETING)
            await self._changing.take_in(connection, change)
            return change.id.encode()

        outcome, replayed = await requests.once(self._database, fingerprint, work)
        key = ChangeKey(organisation, outcome.decode())
        await self._changing.finish(key, fresh=not replayed)
        return await self._changing.recovered(key), replayed

    async def _require_unspent(
        self, fingerprint: Fingerprint, organisation: str, recognition: str, acting: Acting
    ) -> None:
        """Raises PointsSpent where somebody's balance does not reach for what a new request would take back."""
        async with self._database.transaction() as connection:
            if await requests.find(connection, fingerprint) is not None:
                return
            await lock_for_author(connection, organisation, recognition, acting)
            wanted: Counter[str] = Counter()
            for taking in take_all(await movements.gifts(connection, organisation, recognition)):
                wanted[taking.gift.receiver] += taking.amount
            people = await people_store.find(connection, organisation, wanted)
        available = await self._ledger.redeemable([people[receiver] for receiver in wanted])
        for (receiver, required), balance in zip(wanted.items(), available, strict=True):
            if balance < required:
                raise PointsSpent(person_name(organisation, receiver), required, max(0, balance))
