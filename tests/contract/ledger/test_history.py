"""Balances at a time, and the trial balance."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from guerdon.ledger.v1 import books_pb2
from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from tests.contract.ledger.world import (
    BUDGET,
    EARN,
    FUND,
    GRANT,
    INVALID,
    MEMBER,
    NOT_FOUND,
    SPEND,
    Shop,
    refused,
    stamp,
    time_of,
)

MIDNIGHT = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
MICROSECOND = timedelta(microseconds=1)


async def at(
    shop: Shop, id_: str, *, before: datetime | None = None, recorded: datetime | None = None
) -> tuple[int, int]:
    """The posted balance and the version at a time."""
    request = pb.GetBalanceRequest(
        name=shop.account(id_),
        effective_end_time=None if before is None else stamp(before),
        record_time=None if recorded is None else stamp(recorded),
    )
    balance = (await shop.ledger.GetBalance(request)).balance
    assert balance == res.Balance(account=request.name, posted=balance.posted, version=balance.version)
    return balance.posted, balance.version


async def trial(shop: Shop, **times: datetime) -> dict[tuple[int, str], int]:
    """The trial balance, by kind and id; it sums to zero."""
    request = books_pb2.GetTrialBalanceRequest(
        parent=shop.name, **{field: stamp(time) for field, time in times.items()}
    )
    lines = (await shop.ledger.GetTrialBalance(request)).lines
    assert {line.unit for line in lines} == {f"{shop.name}/units/points"}
    assert sum(line.posted for line in lines) == 0
    return {(line.kind, line.account.rpartition("/")[2]): line.posted for line in lines if line.posted}


async def test_a_balance_at_a_record_time_is_what_the_ledger_knew_then(shop: Shop) -> None:
    await shop.add("ada")
    known = [(datetime.now(UTC), 0, 0)]
    for amount, version in ((100, 1), (50, 2)):
        answer = await shop.post(EARN, shop.posting("issuance.points", "ada", amount))
        known.append((time_of(answer.record_time), known[-1][1] + amount, version))
    hold = await shop.hold("ada", 40, datetime.now(UTC) + timedelta(days=1))
    captured = await shop.capture(hold.name, 30)
    known.append((time_of(captured.record_time), 120, 4))
    for time, posted, version in known:
        assert await at(shop, "ada", recorded=time) == (posted, version)
        assert await at(shop, "issuance.points", recorded=time) == (-min(posted + 30 * (version == 4), 150), 0)
    for (time, _, _), (_, posted, version) in zip(known[1:3], known[:2], strict=True):
        assert await at(shop, "ada", recorded=time - MICROSECOND) == (posted, version)
    assert await at(shop, "ada", recorded=known[3][0] - MICROSECOND) == (150, 3), "the hold was placed by then"
    assert await at(shop, "redemption.points", recorded=known[3][0] - MICROSECOND) == (0, 0)
    assert await at(shop, "ada", recorded=MIDNIGHT - timedelta(days=999)) == (0, 0)


async def test_a_balance_before_an_effective_time_counts_what_was_learnt_later(shop: Shop) -> None:
    await shop.add("ada")
    posting = shop.posting("issuance.points", "ada", 100)
    first = time_of((await shop.post(EARN, posting, effective_time=stamp(MIDNIGHT - timedelta(days=2)))).record_time)
    second = time_of((await shop.post(EARN, posting, effective_time=stamp(MIDNIGHT - MICROSECOND))).record_time)
    await shop.post(SPEND, shop.posting("ada", "redemption.points", 30), effective_time=stamp(MIDNIGHT))
    assert await at(shop, "ada", before=MIDNIGHT) == (200, 0)
    assert await at(shop, "ada", before=MIDNIGHT + MICROSECOND) == (170, 0)
    assert await at(shop, "ada", before=MIDNIGHT - timedelta(days=1)) == (100, 0)
    assert await at(shop, "ada", before=MIDNIGHT - timedelta(days=3)) == (0, 0)
    assert await at(shop, "ada", before=MIDNIGHT, recorded=first) == (100, 0)
    assert await at(shop, "ada", before=MIDNIGHT, recorded=second) == (200, 0)
    assert await at(shop, "ada", before=MIDNIGHT, recorded=first - MICROSECOND) == (0, 0)
    assert await at(shop, "redemption.points", before=MIDNIGHT) == (0, 0)
    assert await at(shop, "redemption.points", before=MIDNIGHT + MICROSECOND) == (30, 0)
    assert await at(shop, "issuance.points", before=MIDNIGHT) == (-200, 0)


async def test_a_trial_balance_has_a_line_for_each_system_account_and_one_for_all_members(shop: Shop) -> None:
    await shop.add_many(["ada", "ben"])
    await shop.add("budget.points.awards", BUDGET)
    assert await trial(shop) == {}
    await shop.post(FUND, shop.posting("issuance.points", "budget.points.awards", 500))
    await shop.post(
        GRANT, shop.posting("budget.points.awards", "ada", 120), effective_time=stamp(MIDNIGHT - MICROSECOND)
    )
    last = await shop.post(EARN, shop.posting("issuance.points", "ben", 70))
    await shop.spend("ada", 20)
    issuance, redemption = res.ACCOUNT_KIND_ISSUANCE, res.ACCOUNT_KIND_REDEMPTION
    assert await trial(shop) == {
        (MEMBER, ""): 170,
        (issuance, "issuance.points"): -570,
        (redemption, "redemption.points"): 20,
        (BUDGET, "budget.points.awards"): 380,
    }
    assert await trial(shop, effective_end_time=MIDNIGHT) == {
        (MEMBER, ""): 120,
        (BUDGET, "budget.points.awards"): -120,
    }
    assert await trial(shop, record_time=time_of(last.record_time)) == {
        (MEMBER, ""): 190,
        (issuance, "issuance.points"): -570,
        (BUDGET, "budget.points.awards"): 380,
    }
    before = time_of(last.record_time) - MICROSECOND
    assert (await trial(shop, record_time=before))[MEMBER, ""] == 120
    assert await trial(shop, record_time=MIDNIGHT) == {}


async def test_units_have_trial_balances_of_their_own_and_programs_do_too(shop: Shop) -> None:
    await shop.ledger.CreateUnit(pb.CreateUnitRequest(unit=res.Unit(name=f"{shop.name}/units/stamps"), request_id="u"))
    await shop.add("ada")
    await shop.earn("ada", 5)
    lines = (await shop.ledger.GetTrialBalance(books_pb2.GetTrialBalanceRequest(parent=shop.name))).lines
    assert [(line.unit, line.kind) for line in lines] == sorted((line.unit, line.kind) for line in lines)
    for unit, issued in (("points", -5), ("stamps", 0)):
        mine = [line for line in lines if line.unit == f"{shop.name}/units/{unit}"]
        assert sum(line.posted for line in mine) == 0
        assert [line.posted for line in mine if line.kind == res.ACCOUNT_KIND_ISSUANCE] == [issued]
        assert len([line for line in mine if line.kind == MEMBER]) == 1


async def test_a_balance_at_a_time_asked_for_wrongly_is_refused(shop: Shop) -> None:
    await shop.add("ada")
    name, ahead = shop.account("ada"), stamp(datetime.now(UTC) + timedelta(minutes=1))
    now = stamp(datetime.now(UTC))
    wrong = {
        "effective_end_time": pb.GetBalanceRequest(name=name, effective_end_time=ahead),
        "record_time": pb.GetBalanceRequest(name=name, record_time=ahead),
        "min_version": pb.GetBalanceRequest(name=name, record_time=now, min_version=1),
        "view": pb.GetBalanceRequest(name=name, effective_end_time=now, view=pb.BALANCE_VIEW_FULL),
    }
    for field, request in wrong.items():
        async with refused(INVALID, "INVALID_FIELD", violated=[field]):
            await shop.ledger.GetBalance(request)
    for field in ("effective_end_time", "record_time"):
        async with refused(INVALID, "INVALID_FIELD", violated=[field]):
            await shop.ledger.GetTrialBalance(books_pb2.GetTrialBalanceRequest(parent=shop.name, **{field: ahead}))
    async with refused(NOT_FOUND, "NOT_FOUND"):
        await shop.ledger.GetTrialBalance(books_pb2.GetTrialBalanceRequest(parent="programs/none"))
