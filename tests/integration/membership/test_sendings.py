"""Offers that are being sent to a segment, in membership's own database."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

import pytest

from guerdon_kit.postgres import Database
from membership.domain.offers import Goal, OfferTerms, Validity
from membership.domain.program import Program
from membership.domain.segments import SegmentTerms
from membership.operations.sendings import Sendings
from membership.store import members, offers, segments
from tests.integration.membership.conftest import NOW, SetClock

TERMS = OfferTerms("Spring", Goal.ONE_PURCHASE, 1, 1, 100, None, acceptance_required=False, holdout=Fraction(0))
WEEK = timedelta(days=7)


@pytest.mark.parametrize(("archived", "after", "sent"), [(False, WEEK, 1), (True, WEEK, 0), (False, 2 * WEEK, 0)])
async def test_an_offer_archived_or_over_while_it_is_sent_is_sent_to_nobody_else(
    db: Database, program: Program, archived: bool, after: timedelta, sent: int
) -> None:
    async with db.transaction() as connection:
        await members.insert(connection, program, ["ada"], NOW, "tester")
        await segments.insert(connection, program, "all", SegmentTerms("", "member.days >= 0"), NOW, "tester")
        assert await offers.insert(connection, program, "spring", TERMS, NOW, "tester")
        offer = await offers.find(connection, program, "spring")
        assert offer is not None
        validity = Validity(NOW, NOW + WEEK)
        number = await offers.begin_sending(connection, program, offer, validity, "all", NOW, "tester")
        if archived:
            assert await offers.archive(connection, program, "spring")
    await Sendings(db, SetClock(NOW + after)).advance(number)
    async with db.acquire() as connection:
        sending = await offers.find_sending(connection, program, number)
    assert sending is not None
    assert (sending.sent, sending.done) == (sent, True)
