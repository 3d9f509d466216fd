"""Purchases of nobody known, and claiming them: what is claimed is recorded as if it had named the member, as of its
own time.
"""

from __future__ import annotations

import json
from datetime import datetime

from guerdon_kit.clock import Clock
from guerdon_kit.errors import NotFound
from guerdon_kit.events import publish
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database
from guerdon_kit.postgres.requests import once
from membership.domain.baskets import Basket
from membership.domain.claims import WRONG_CLAIMS_MAX, GuestPurchase, Proof, proves, refusal
from membership.domain.deliveries import Delivery
from membership.domain.errors import ClaimNotProven, ClaimsNotTaken, PurchaseClaimed, PurchaseDiffers
from membership.domain.moments import AHEAD_MAX, from_microseconds, to_microseconds
from membership.domain.program import Program
from membership.domain.purchases import FrozenTerms
from membership.domain.rows import Row, sort_out
from membership.operations.deliveries import Deliveries
from membership.operations.events import guest_purchase_recorded
from membership.operations.recording import Recording, record_rows
from membership.operations.rules import Rulebooks
from membership.store import guests, merges, purchases

_NOBODY = "nobody"
"""Stands for the member of a row whose other fields are checked."""


class Claims:
    """Guests' purchases."""

    def __init__(self, database: Database, deliveries: Deliveries, rulebooks: Rulebooks, clock: Clock) -> None:
        self._database = database
        self._deliveries = deliveries
        self._rulebooks = rulebooks
        self._clock = clock

    async def record(self, program: Program, row: Row, fingerprint: Fingerprint, actor: str) -> tuple[bool, bool]:
        """Records a purchase of nobody known; answers whether it was recorded before by another request, and whether
        this is a replay.

        Raises:
            InvalidField: a field is out of its bounds, by the names of `Row`'s contract.
            ClaimsNotTaken: the program has no claims.
            PurchaseDiffers: the id was recorded with other facts.
        """
        if not program.settings.claim_days:
            raise ClaimsNotTaken(program.name)
        now = self._clock.now()
        _, wrong = sort_out([row._replace(member_id=_NOBODY)], to_microseconds(now + AHEAD_MAX))
        for violation in wrong.values():
            raise violation
        assert row.event_us is not None, "a row within its bounds has a time"
        event_time = from_microseconds(row.event_us)

        async def work(connection: Connection) -> bytes:
            name = f"{program.name}/purchases/{row.purchase_id}"
            found = await purchases.find(connection, program, row.purchase_id)
            if found is not None:  # with its member, or claimed meanwhile
                purchase = found[0]
                basket = purchase.terms.basket if isinstance(purchase.terms, FrozenTerms) else None
                _require_same(name, row, purchase.event_time, purchase.amount, basket)
                return b"true"
            if await guests.insert(
                connection, program, row.purchase_id, event_time, row.amount, row.basket, now, actor
            ):
                await publish(connection, guest_purchase_recorded(program, row, now))
                return b"false"
            guest = await guests.find(connection, program, row.purchase_id)
            if guest is not None:
                _require_same(name, row, guest.event_time, guest.amount, guest.basket)
            return b"true"

        outcome, replayed = await once(self._database, fingerprint, work)
        return bool(json.loads(outcome)), replayed

    async def find(self, program: Program, purchase_id: str) -> GuestPurchase | None:
        """A purchase that nobody has claimed."""
        async with self._database.acquire() as connection:
            return await guests.find(connection, program, purchase_id)

    async def claim(
        self,
        program: Program,
        purchase_id: str,
        member_id: str,
        proof: Proof,
        fingerprint: Fingerprint,
        actor: str,
        within_s: float,
    ) -> tuple[bool, bool]:
        """Has a purchase earn for a member; answers whether it was the member's before, and whether this is a replay.
        Of two who claim at once, one waits for the other and finds the purchase claimed.

        Raises:
            NotFound: there is no such purchase, or no such member.
            PurchaseClaimed: it is another member's.
            ClaimNotProven: the amount or the day is another.
            ClaimLocked: that was so too often.
            ClaimTooLate: the program's window is over.
            MemberClosed, MemberErased: the membership has ended.
        """
        delivery: Delivery | None = None
        recording = Recording(self._clock.now(), self._deliveries.first_due_time(), actor)

        async def work(connection: Connection) -> bytes:
            nonlocal delivery
            delivery = None
            guest = await _claimable(connection, program, purchase_id, member_id)
            if guest is None:
                return json.dumps({"already": True}).encode()
            why = refusal(program, guest, recording.now)
            if why is not None:
                raise why
            if not proves(program, guest, proof):
                await guests.count_wrong(connection, program, purchase_id)
                return json.dumps({"left": WRONG_CLAIMS_MAX - guest.wrong_claims - 1}).encode()
            await guests.delete(connection, program, purchase_id)
            row = Row(0, purchase_id, member_id, to_microseconds(guest.event_time), guest.amount, guest.basket)
            recorded = await record_rows(connection, program, self._rulebooks, [row], recording, enroll_unknown=False)
            for refused in recorded.refused.values():
                raise refused
            delivery = recorded.delivery
            return json.dumps({"delivery": delivery.delivery_no if delivery else None}).encode()

        outcome, replayed = await once(self._database, fingerprint, work)
        told = json.loads(outcome)
        if "left" in told:
            raise ClaimNotProven(f"{program.name}/purchases/{purchase_id}", told["left"])
        if replayed and told.get("delivery") is not None:
            delivery = await self._deliveries.find(told["delivery"])
        if delivery is not None:
            await self._deliveries.try_to_deliver(delivery, within_s)
        return "already" in told, replayed


async def _claimable(
    connection: Connection, program: Program, purchase_id: str, member_id: str
) -> GuestPurchase | None:
    """A purchase that nobody has claimed, its row held; None for one that is the member's.

    Raises:
        NotFound: there is none.
        PurchaseClaimed: it is another member's.
    """
    name = f"{program.name}/purchases/{purchase_id}"
    guest = await guests.hold(connection, program, purchase_id)
    if await purchases.find(connection, program, purchase_id) is not None:
        if await merges.same_people(connection, program, [(purchase_id, member_id)]):
            return None
        raise PurchaseClaimed(name)
    if guest is None:
        raise NotFound(name)
    return guest


def _require_same(name: str, row: Row, event_time: datetime, amount: int, basket: Basket | None) -> None:
    """Refuses other facts than those that are recorded. A row without a basket contradicts none, as with a member."""
    facts: list[tuple[str, object, object]] = [
        ("event_time", row.event_us, to_microseconds(event_time)),
        ("amount", row.amount, amount),
    ]
    if row.basket is not None:
        facts.append(("basket", row.basket, basket))
    differing = [field for field, asked, known in facts if asked != known]
    if differing:
        raise PurchaseDiffers(name, ",".join(differing))
