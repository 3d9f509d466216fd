"""Sending offers to the members of segments: page by page, each in one transaction with how far it has come, so that
each member gets one however often it is interrupted.
"""

from __future__ import annotations

from guerdon_kit.clock import Clock
from guerdon_kit.postgres import Connection, Database
from membership.domain.segments import about
from membership.operations.offers import send
from membership.operations.segments import learn
from membership.store import members, offers, segments, sendings

PAGE = 200
"""Members who are looked at in one transaction."""


class Sendings:
    """Offers that are being sent."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def advance(self, sending_no: int) -> None:
        """Sends an offer to all members of its segment to whom it was not sent yet."""
        while await self._database.run(lambda connection: self._send_page(connection, sending_no)):
            pass

    async def _send_page(self, connection: Connection, sending_no: int) -> bool:
        """Looks at one page of members; answers whether there are more. What was archived meanwhile, or is over, is
        sent to nobody else.
        """
        unsent, now = await sendings.hold(connection, sending_no), self._clock.now()
        if unsent is None:
            return False
        program = unsent.program
        offer = await offers.find(connection, program, unsent.offer_id)
        segment = await segments.find(connection, program, unsent.segment_id)
        assert offer is not None, "offers are not deleted"
        assert segment is not None, "neither are segments"
        page = await members.page(connection, program, unsent.after, PAGE)
        if offer.archived or segment.archived or unsent.validity.end < now or not page:
            await sendings.move(connection, sending_no, unsent.after, done=True)
            return False
        held = await members.lock(connection, program, [one.member_id for one in page])
        alive = [one for one in held if one.ended is None]
        known = await learn(connection, program, alive, now)
        receivers = [one.member for one in known if segment.terms.holds(about(program, one, now))]
        if receivers:
            await send(connection, program, offer, sending_no, unsent.validity, receivers, now)
        more = len(page) == PAGE
        await sendings.move(connection, sending_no, page[-1].member_id, done=not more)
        return more
