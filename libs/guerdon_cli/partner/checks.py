"""What a server of `PartnerLedgerService` has to keep, as checks that any partner can run against its own.

Each check is a promise of the contract. They go by answers alone: by what each step says, by `GetLeg`, and by how many
points `ValidateMember` says that a member could send.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import grpc
from google.protobuf.message import Message

from guerdon.exchange.v1 import partner_ledger_service_pb2 as pb

Ask = Callable[[str, Message], Awaitable[Message]]
"""Calls an RPC of the partner and answers its response. Raises grpc.aio.AioRpcError."""


class Broken(Exception):
    """A promise is not kept. The text says which answer breaks it."""


@dataclass(frozen=True)
class Partner:
    """The server under test, and two members of it."""

    ask: Ask
    sender: str
    """A member with at least ten times `amount` points."""
    receiver: str
    amount: int
    patience_s: float
    """How long a reservation is left alone, to see that it stays."""
    restart: Callable[[], Awaitable[None]] | None = None
    """Restarts the server; None where that is not tried."""

    async def reserve(
        self, exchange: str, amount: int = 0, member: str = "", *, reversal_of: str = ""
    ) -> pb.ReserveResponse:
        """Reserve."""
        request = pb.ReserveRequest(
            exchange_id=exchange,
            member_id=member or self.sender,
            amount=amount or self.amount,
            receiver_id="other",
            reversal_of=reversal_of,
        )
        answer = await self.ask("Reserve", request)
        assert isinstance(answer, pb.ReserveResponse)
        return answer

    async def commit(self, exchange: str) -> pb.CommitResponse:
        """Commit."""
        answer = await self.ask("Commit", pb.CommitRequest(exchange_id=exchange))
        assert isinstance(answer, pb.CommitResponse)
        return answer

    async def cancel(self, exchange: str) -> pb.CancelResponse:
        """Cancel."""
        answer = await self.ask("Cancel", pb.CancelRequest(exchange_id=exchange))
        assert isinstance(answer, pb.CancelResponse)
        return answer

    async def credit(
        self, exchange: str, amount: int = 0, member: str = "", *, reversal_of: str = ""
    ) -> pb.CreditResponse:
        """Credit, of points that never expire."""
        amount = amount or self.amount
        request = pb.CreditRequest(
            exchange_id=exchange,
            member_id=member or self.receiver,
            amount=amount,
            points=[pb.PartnerPoints(amount=amount)],
            sender_id="other",
            reversal_of=reversal_of,
        )
        answer = await self.ask("Credit", request)
        assert isinstance(answer, pb.CreditResponse)
        return answer

    async def state(self, exchange: str) -> str:
        """What GetLeg says, without its prefix."""
        answer = await self.ask("GetLeg", pb.GetLegRequest(exchange_id=exchange))
        assert isinstance(answer, pb.GetLegResponse)
        return pb.LegState.Name(answer.state).removeprefix("LEG_STATE_")

    async def points(self, member: str) -> int:
        """How many points a member could send now."""
        answer = await self.ask("ValidateMember", pb.ValidateMemberRequest(member_id=member))
        assert isinstance(answer, pb.ValidateMemberResponse)
        expect(answer.WhichOneof("outcome") == "found", f"the member {member} is not found")
        return answer.found.available_amount


def expect(kept: bool, broken: str) -> None:
    """Raises Broken with the words, unless it is kept."""
    if not kept:
        raise Broken(broken)


def fresh() -> str:
    """The id of an exchange that nobody has heard of."""
    return f"conformance-{uuid.uuid4().hex}"


async def reserves_what_is_asked(partner: Partner) -> None:
    """A reservation is of the amount asked, and takes it from what the member can send."""
    exchange, before = fresh(), await partner.points(partner.sender)
    answer = (await partner.reserve(exchange)).reserved
    expect(answer.amount == partner.amount, f"{partner.amount} were to be reserved, and {answer.amount} are said to be")
    told = sum(some.amount for some in answer.points)
    expect(not answer.points or told == partner.amount, "the points with their expiry do not sum to the amount")
    after = await partner.points(partner.sender)
    expect(after == before - partner.amount, f"the member had {before} points and can send {after} after it")
    await partner.cancel(exchange)
    expect(await partner.points(partner.sender) == before, "a cancelled reservation does not come back")


async def reserves_once(partner: Partner) -> None:
    """The same reservation again, also many times at once, is answered alike and takes nothing more."""
    exchange, before = fresh(), await partner.points(partner.sender)
    answers = await asyncio.gather(*[partner.reserve(exchange) for _ in range(4)])
    expect(all(answer == answers[0] for answer in answers), "the same reservation is answered differently")
    after = await partner.points(partner.sender)
    expect(after == before - partner.amount, f"reserved four times over, {before - after} points are set aside")
    await partner.cancel(exchange)


async def commits_once(partner: Partner) -> None:
    """A commit takes what was reserved, and the same again nothing more."""
    exchange, before = fresh(), await partner.points(partner.sender)
    await partner.reserve(exchange)
    first, second = await partner.commit(exchange), await partner.commit(exchange)
    expect(first.committed.amount == partner.amount, f"{first.committed.amount} are said to be committed")
    expect(first == second, "the same commit is answered differently")
    after = await partner.points(partner.sender)
    expect(after == before - partner.amount, f"committed twice, {before - after} points are gone")


async def cancels_once(partner: Partner) -> None:
    """A cancellation gives back what was reserved, and the same again nothing more."""
    exchange, before = fresh(), await partner.points(partner.sender)
    await partner.reserve(exchange)
    for _ in range(2):
        expect((await partner.cancel(exchange)).WhichOneof("outcome") == "cancelled", "a reservation is not cancelled")
    after = await partner.points(partner.sender)
    expect(after == before, f"the member had {before} points, and {after} after its reservation was cancelled twice")


async def keeps_what_was_committed(partner: Partner) -> None:
    """A commit is for good: cancelling after it is refused and gives nothing back."""
    exchange = fresh()
    await partner.reserve(exchange)
    await partner.commit(exchange)
    before = await partner.points(partner.sender)
    expect((await partner.cancel(exchange)).WhichOneof("outcome") == "refused", "a commit was cancelled")
    expect(await partner.points(partner.sender) == before, "a cancellation gave back what was committed")
    expect(await partner.state(exchange) == "COMMITTED", "the exchange is no longer COMMITTED")


async def commits_nothing_cancelled(partner: Partner) -> None:
    """What was cancelled cannot be committed."""
    exchange = fresh()
    await partner.reserve(exchange)
    await partner.cancel(exchange)
    expect((await partner.commit(exchange)).WhichOneof("outcome") == "refused", "what was cancelled was committed")


async def remembers_what_it_never_reserved(partner: Partner) -> None:
    """A cancellation may come before its reservation, which then is refused."""
    exchange, before = fresh(), await partner.points(partner.sender)
    expect((await partner.cancel(exchange)).WhichOneof("outcome") == "cancelled", "an unknown one is not cancelled")
    expect((await partner.reserve(exchange)).WhichOneof("outcome") == "refused", "reserved after it was cancelled")
    expect(await partner.points(partner.sender) == before, "a late reservation took points")


async def credits_once(partner: Partner) -> None:
    """The same credit again, also many times at once, is answered alike and brings nothing more."""
    exchange, before = fresh(), await partner.points(partner.receiver)
    answers = await asyncio.gather(*[partner.credit(exchange) for _ in range(4)])
    expect(answers[0].credited.amount == partner.amount, f"{answers[0].credited.amount} are said to be credited")
    expect(all(answer == answers[0] for answer in answers), "the same credit is answered differently")
    after = await partner.points(partner.receiver)
    expect(after == before + partner.amount, f"credited four times over, the member got {after - before} points")


async def refuses_for_ever(partner: Partner) -> None:
    """What it refuses it says as a message, the same again later, and moves nothing."""
    exchange, nobody = fresh(), f"nobody-{uuid.uuid4().hex[:8]}"
    before = await partner.points(partner.sender)
    too_much = [await partner.reserve(exchange, before + 1) for _ in range(2)]
    expect(too_much[0].WhichOneof("outcome") == "refused", "more was reserved than there is")
    expect(too_much[0] == too_much[1], "the same refusal is answered differently")
    expect(await partner.points(partner.sender) == before, "a refused reservation took points")
    credit = await partner.credit(fresh(), member=nobody)
    expect(credit.WhichOneof("outcome") == "refused", "a member was credited who is not there")


async def knows_other_words(partner: Partner) -> None:
    """The same exchange with another amount is INVALID_ARGUMENT, and changes nothing."""
    exchange = fresh()
    await partner.reserve(exchange)
    before = await partner.points(partner.sender)
    try:
        await partner.reserve(exchange, partner.amount + 1)
    except grpc.aio.AioRpcError as error:
        expect(error.code() is grpc.StatusCode.INVALID_ARGUMENT, f"another amount fails with {error.code().name}")
    else:
        raise Broken("the same exchange was reserved with another amount")
    expect(await partner.points(partner.sender) == before, "it took points")
    await partner.cancel(exchange)


async def keeps_a_reservation(partner: Partner) -> None:
    """A reservation stays until it is committed or cancelled."""
    exchange, before = fresh(), await partner.points(partner.sender)
    await partner.reserve(exchange)
    await asyncio.sleep(partner.patience_s)
    expect(await partner.state(exchange) == "RESERVED", "the reservation has lapsed")
    expect(await partner.points(partner.sender) == before - partner.amount, "what was reserved can be sent again")
    await partner.cancel(exchange)


async def survives_a_restart(partner: Partner) -> None:
    """What was decided is known after a restart."""
    if partner.restart is None:
        raise Skipped("no --restart command")
    reserved, credited = fresh(), fresh()
    await partner.reserve(reserved)
    await partner.credit(credited)
    before = await partner.points(partner.receiver)
    await partner.restart()
    states = (await partner.state(reserved), await partner.state(credited))
    expect(states == ("RESERVED", "CREDITED"), f"after a restart they are {states[0]} and {states[1]}")
    await partner.credit(credited)
    expect(await partner.points(partner.receiver) == before, "a credit was done again after a restart")
    await partner.cancel(reserved)


async def takes_back_what_it_credited(partner: Partner) -> None:
    """A reversal takes what was credited, under an id of its own; the exchange stays CREDITED."""
    exchange, reversal, before = fresh(), fresh(), await partner.points(partner.receiver)
    await partner.credit(exchange)
    answer = await partner.reserve(reversal, member=partner.receiver, reversal_of=exchange)
    expect(answer.WhichOneof("outcome") == "reserved", "what was credited is not reserved to be taken back")
    await partner.commit(reversal)
    after = await partner.points(partner.receiver)
    expect(after == before, f"the member had {before} points, and {after} after a credit was taken back")
    states = (await partner.state(exchange), await partner.state(reversal))
    expect(states == ("CREDITED", "COMMITTED"), f"the exchange is {states[0]}, and its reversal {states[1]}")


async def gives_back_in_parts(partner: Partner) -> None:
    """What was sent is credited back in several parts, each under an id of its own, each once."""
    exchange, before = fresh(), await partner.points(partner.sender)
    await partner.reserve(exchange, 2 * partner.amount)
    await partner.commit(exchange)
    for part in (fresh(), fresh()):
        for _ in range(2):
            answer = await partner.credit(part, member=partner.sender, reversal_of=exchange)
            expect(answer.WhichOneof("outcome") == "credited", "a part of what was sent is not credited back")
    after = await partner.points(partner.sender)
    expect(after == before, f"the member had {before} points, and {after} after all that was sent was credited back")
    expect(await partner.state(exchange) == "COMMITTED", "the exchange is no longer COMMITTED")


class Skipped(Exception):
    """The check was not tried. The text says why."""


CHECKS: tuple[Callable[[Partner], Awaitable[None]], ...] = (
    reserves_what_is_asked,
    reserves_once,
    commits_once,
    cancels_once,
    keeps_what_was_committed,
    commits_nothing_cancelled,
    remembers_what_it_never_reserved,
    credits_once,
    refuses_for_ever,
    knows_other_words,
    takes_back_what_it_credited,
    gives_back_in_parts,
    keeps_a_reservation,
    survives_a_restart,
)
