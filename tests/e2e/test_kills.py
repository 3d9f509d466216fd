"""Any part may be killed in the middle of everything: no point is lost or made, and every promise is kept or undone."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

import guerdon
from guerdon.exchange.v1.resources_pb2 import EXCHANGE_STATE_ABORTED, EXCHANGE_STATE_COMMITTED
from guerdon.rewards.v1.resources_pb2 import (
    REDEMPTION_STATE_FAILED,
    REDEMPTION_STATE_FULFILLED,
    REDEMPTION_STATE_ISSUED,
)
from guerdon_cli.demo.platform import Books, several_at_once
from guerdon_cli.stack import Stack
from guerdon_kit.postgres.provision import connected
from guerdon_kit.processes import ServerProcess
from guerdon_kit.testing import wait_until
from tests.e2e.town import CUSTOMERS, FIRST_PURCHASE_CENTS, PURCHASE_CENTS, THANKS_POINTS, Town, answered

AT_ONCE = 2
"""How many of each kind are under way at any time."""
PAUSE_S = 0.02
"""Between the requests of one caller: what is killed starts again sooner, and is not killed any more often."""
BETWEEN_KILLS = 12
"""How many requests are answered from one part's return to the next one's death."""
SENT_AGAIN = 60
"""How many answered requests of each kind, spread over the whole time, are sent once more at the end."""
STANDING = {REDEMPTION_STATE_ISSUED, REDEMPTION_STATE_FULFILLED}


@dataclass
class Kind:
    """One kind of thing that happens, over and over; each time under an id of its own."""

    name: str
    request: Callable[[int, str], Any]
    send: Callable[[Any], Awaitable[str]]
    answers: dict[str, str] = field(default_factory=dict)
    """What was answered to which request id, of those that succeeded."""
    requests: dict[str, Any] = field(default_factory=dict)
    refusals: Counter[str] = field(default_factory=Counter)

    async def once(self, number: int) -> None:
        """Send one request until it is answered."""
        request_id = f"{self.name}-{number}"
        request = self.requests[request_id] = self.request(number, request_id)
        answer = await answered(lambda: self.send(request))
        if isinstance(answer, guerdon.RefusedError):
            self.refusals[answer.reason] += 1
        else:
            self.answers[request_id] = answer

    @property
    def done(self) -> int:
        """How many were answered."""
        return len(self.answers) + self.refusals.total()


def kinds(town: Town) -> list[Kind]:
    return [
        Kind("buy", town.purchase, town.buy),
        Kind("redeem", town.redemption, town.redeem),
        Kind("fly", town.quote, town.exchange),
        Kind("thank", town.thanks, town.thank),
    ]


async def work(kind: Kind, first: int, ended: asyncio.Event) -> None:
    number = first
    while not ended.is_set():
        await kind.once(number)
        number += AT_ONCE
        await asyncio.sleep(PAUSE_S)


def parts(stack: Stack) -> dict[str, ServerProcess]:
    assert stack.embedded is not None
    return {**stack.services, **stack.embedded.processes}


def revive(process: ServerProcess) -> None:
    process.kill()
    process.start()


async def kill_in_turn(stack: Stack, all_kinds: list[Kind], workers: list[asyncio.Task[None]]) -> None:
    for process in parts(stack).values():
        for kind in all_kinds:
            target = kind.done + BETWEEN_KILLS // len(all_kinds)

            def reached(kind: Kind = kind, target: int = target) -> bool:
                for worker in workers:
                    if worker.done():
                        worker.result()
                return kind.done >= target

            await wait_until(reached, timeout_s=60)
        await asyncio.to_thread(revive, process)


async def unfinished(town: Town) -> dict[str, int]:
    """How many promises of each service are neither kept nor undone."""
    questions = {
        "rewards_catalog": "select count(*) from redemptions where due_time is not null",
        "partner_exchange": "select count(*) from exchanges where due_time is not null",
        "recognition": "select count(*) from recognitions where state = 'pending'",
        "membership": "select count(*) from deliveries",
    }
    left = {}
    for service, question in questions.items():
        async with connected(town.stack.databases[service].owner_url) as owner:
            left[service] = await owner.fetchval(question)
    return {service: count for service, count in left.items() if count}


@pytest.mark.crash
@pytest.mark.timeout(180)
async def test_whatever_is_killed_no_point_is_lost_or_made_and_every_promise_is_kept_or_undone(town: Town) -> None:
    buy, redeem, fly, thank = all_kinds = kinds(town)
    ended = asyncio.Event()
    workers = [asyncio.create_task(work(kind, first, ended)) for kind in all_kinds for first in range(AT_ONCE)]
    try:
        await kill_in_turn(town.stack, all_kinds, workers)
    finally:
        ended.set()
        await asyncio.gather(*workers)

    async def all_finished() -> bool:
        return not await unfinished(town)

    await wait_until(all_finished)
    for kind in all_kinds:
        assert len(kind.answers) > BETWEEN_KILLS, f"{kind.name}: {kind.refusals}"
    await check_redemptions(town, redeem)
    await check_exchanges(town, fly)
    await check_recognitions(town, thank)
    await check_points(town, buy)
    assert (await town.verify()).line.startswith("guerdon verify: OK")
    for kind in all_kinds:
        some = list(kind.answers)[:: 1 + len(kind.answers) // SENT_AGAIN]
        again = await several_at_once(kind.send(kind.requests[request_id]) for request_id in some)
        assert again == [kind.answers[request_id] for request_id in some], "what was answered once is answered again"
    await check_redemptions(town, redeem)
    assert (await town.verify()).ok


async def check_redemptions(town: Town, redeem: Kind) -> None:
    """Each answered redemption exists once, no other one stands, and no code was given twice."""
    there = await town.redemptions()
    assert {one.state for one in there} <= STANDING | {REDEMPTION_STATE_FAILED}
    standing = [one for one in there if one.state in STANDING]
    assert sorted(one.name for one in standing) == sorted(redeem.answers.values())
    codes = await several_at_once(town.code(one) for one in standing if one.reward == town.voucher)
    assert all(codes)
    assert len(set(codes)) == len(codes)
    assert await town.shop.books.system("redemption") == sum(one.price for one in standing)


async def check_exchanges(town: Town, fly: Kind) -> None:
    """Each answered exchange exists once, and nothing was sent but by them."""
    there = await town.exchanges_made()
    assert {one.state for one in there} <= {EXCHANGE_STATE_COMMITTED, EXCHANGE_STATE_ABORTED}
    committed = [one for one in there if one.state == EXCHANGE_STATE_COMMITTED]
    assert sorted(one.name for one in committed) == sorted(fly.answers.values())
    shop, airline = town.exchanges.shop, town.exchanges.airline
    assert await shop.books.system(f"exchange.{airline.id}") == sum(one.debited_amount for one in committed)
    assert await airline.books.system(f"exchange.{shop.id}") == -sum(one.received_amount for one in committed)
    [position] = await town.exchanges.positions()
    assert position.exchange_count == len(committed)


async def check_recognitions(town: Town, thank: Kind) -> None:
    """Each answered recognition is in the feed once, and its points with who received them."""
    there = await town.recognitions()
    assert sorted(one.name for one in there) == sorted(thank.answers.values())
    received = [person.rewards_account for person in town.employer.people.values()]
    assert await town.employer.books.sum_posted(received) == len(there) * THANKS_POINTS


async def check_points(town: Town, buy: Kind) -> None:
    """Every purchase that was answered earned once; over all accounts of a unit the points come to nothing."""
    totals = await town.shop.totals(1)
    assert totals.purchase_count == len(CUSTOMERS) + len(buy.answers)
    assert totals.base_points == len(CUSTOMERS) * FIRST_PURCHASE_CENTS // 100 + len(buy.answers) * (
        PURCHASE_CENTS // 100
    )
    assert totals.pending_purchase_count == 0
    assert -await town.shop.books.system("issuance") == totals.base_points + totals.tier_points
    shop, airline = town.exchanges.shop, town.exchanges.airline
    team = town.employer
    assert await total(shop.books, await town.shop.accounts(), f"exchange.{airline.id}") == 0
    assert await total(airline.books, list(town.flying.values()), f"exchange.{shop.id}") == 0
    assert await total(team.books, team.accounts(), f"budget.{team.id}") == 0


async def total(books: Books, members: list[str], *others: str) -> int:
    """What all accounts of a unit come to."""
    system = ["issuance", "redemption", "breakage", "adjustment", *others]
    return sum([await books.system(kind) for kind in system]) + await books.sum_posted(members)
