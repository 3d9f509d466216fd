"""Settlement windows, settlements, and partners' money with the coalition."""

from __future__ import annotations

from guerdon.exchange.v1 import settlement_pb2 as pb
from guerdon_kit import pages
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.names import parse
from guerdon_kit.pages import BEGINNING, read_place, write_place
from partner_exchange.domain.settlement import Participant, ParticipantState, Settlement
from partner_exchange.domain.windows import Party, UnderWay, Window, WindowState, window_name
from partner_exchange.operations.funds import Funds, SettlementAccounts
from partner_exchange.operations.settlements import Settlements
from partner_exchange.operations.windows import Windows
from partner_exchange.servicer import reading
from partner_exchange.servicer.reading import COALITION, asking, mark

_STATES = {state: pb.SettlementWindowState.Value(f"SETTLEMENT_WINDOW_STATE_{state.value}") for state in WindowState}
_PARTICIPANT_STATES = {
    state: pb.ParticipantState.Value(f"PARTICIPANT_STATE_{state.value}") for state in ParticipantState
}
_NUMBER_MAX = 2**31 - 1


class SettlementServicer:
    """`guerdon.exchange.v1.SettlementService`."""

    service = pb.DESCRIPTOR.services_by_name["SettlementService"]

    def __init__(self, windows: Windows, settlements: Settlements, accounts: SettlementAccounts) -> None:
        self._windows = windows
        self._settlements = settlements
        self._accounts = accounts

    async def close_settlement_window(
        self, request: pb.CloseSettlementWindowRequest, call: CallContext
    ) -> pb.CloseSettlementWindowResponse:
        """Closes a window."""
        coalition_id, number = reading.window(request.name)
        asked = asking(call, request, f"coalitions/{coalition_id}")
        closed, replayed = await self._windows.close(asked, coalition_id, number)
        mark(call, replayed)
        return pb.CloseSettlementWindowResponse(
            window=_settlement(closed), next_window=window_name(coalition_id, number + 1)
        )

    async def get_settlement_window(
        self, request: pb.GetSettlementWindowRequest, _call: CallContext
    ) -> pb.GetSettlementWindowResponse:
        """Reads a window."""
        found = await self._windows.get(*reading.window(request.name))
        return pb.GetSettlementWindowResponse(window=_settlement(found))

    async def list_settlement_windows(
        self, request: pb.ListSettlementWindowsRequest, call: CallContext
    ) -> pb.ListSettlementWindowsResponse:
        """Reads windows, newest first."""
        (coalition_id,) = parse(request.parent, COALITION, "parent")
        size, query = pages.page_size(request.page_size), (call.method, request.parent)
        before = _NUMBER_MAX
        if request.page_token:
            before = min(int(pages.read_token(request.page_token, query, (int,))[0]), _NUMBER_MAX)
        found = await self._windows.newest(coalition_id, before, size + 1)
        answer = pb.ListSettlementWindowsResponse(windows=map(_window, found[:size]))
        if len(found) > size:
            answer.next_page_token = pages.write_token(query, (found[size - 1].number,))
        return answer

    async def settle_window(self, request: pb.SettleWindowRequest, call: CallContext) -> pb.SettleWindowResponse:
        """Settles a window."""
        coalition_id, number = reading.window(request.name)
        asked = asking(call, request, f"coalitions/{coalition_id}")
        found, replayed = await self._settlements.settle(asked, coalition_id, number)
        mark(call, replayed)
        return pb.SettleWindowResponse(window=_settlement(found))

    async def abort_settlement(
        self, request: pb.AbortSettlementRequest, call: CallContext
    ) -> pb.AbortSettlementResponse:
        """Aborts a settlement."""
        coalition_id, number = reading.window(request.name)
        asked = asking(call, request, f"coalitions/{coalition_id}")
        found, replayed = await self._settlements.abort(asked, coalition_id, number)
        mark(call, replayed)
        return pb.AbortSettlementResponse(window=_settlement(found))

    async def deposit_settlement_funds(
        self, request: pb.DepositSettlementFundsRequest, call: CallContext
    ) -> pb.DepositSettlementFundsResponse:
        """Books money that came in."""
        asked = asking(call, request, request.party)
        funds, replayed = await self._accounts.deposit(
            asked, reading.party(request.party), request.amount, request.reference
        )
        mark(call, replayed)
        return pb.DepositSettlementFundsResponse(funds=_funds(funds))

    async def withdraw_settlement_funds(
        self, request: pb.WithdrawSettlementFundsRequest, call: CallContext
    ) -> pb.WithdrawSettlementFundsResponse:
        """Books money that goes out."""
        asked = asking(call, request, request.party)
        funds, replayed = await self._accounts.withdraw(
            asked, reading.party(request.party), request.amount, request.reference
        )
        mark(call, replayed)
        return pb.WithdrawSettlementFundsResponse(funds=_funds(funds))

    async def get_settlement_funds(
        self, request: pb.GetSettlementFundsRequest, call: CallContext
    ) -> pb.GetSettlementFundsResponse:
        """Reads what a partner has."""
        funds = await self._accounts.get(call.caller.actor, reading.party(request.party), call.deadline)
        return pb.GetSettlementFundsResponse(funds=_funds(funds))

    async def list_under_way_exchanges(
        self, request: pb.ListUnderWayExchangesRequest, call: CallContext
    ) -> pb.ListUnderWayExchangesResponse:
        """Reads what is under way."""
        (coalition_id,) = parse(request.parent, COALITION, "parent")
        size, query = pages.page_size(request.page_size), (call.method, request.parent)
        after = read_place(request.page_token, query, BEGINNING)
        found = await self._windows.under_way(coalition_id, after, size + 1)
        answer = pb.ListUnderWayExchangesResponse(exchanges=map(_under_way, found[:size]))
        if len(found) > size:
            last = found[size - 1]
            answer.next_page_token = write_place(query, last.create_time, last.exchange_id)
        return answer


def _settlement(kept: Settlement) -> pb.SettlementWindow:
    message = _window(kept.window)
    message.participants.extend(_participant(kept.window, one) for one in kept.participants)
    return message


def _window(kept: Window) -> pb.SettlementWindow:
    return pb.SettlementWindow(
        name=kept.name,
        state=_STATES[kept.state],
        open_time=timestamp(kept.open_time),
        close_time=None if kept.close_time is None else timestamp(kept.close_time),
        settle_time=None if kept.settle_time is None else timestamp(kept.settle_time),
        attempt=kept.attempt,
        mismatch=kept.mismatch or "",
        aborting=kept.state is WindowState.PENDING_SETTLEMENT and kept.aborter is not None,
    )


def _participant(of: Window, kept: Participant) -> pb.SettlementParticipant:
    return pb.SettlementParticipant(
        party=Party(of.coalition_id, kept.partner).name,
        net_amount=kept.net,
        state=_PARTICIPANT_STATES[kept.state],
        missing_amount=kept.missing,
        transaction=kept.transaction or "",
    )


def _under_way(kept: UnderWay) -> pb.UnderWayExchange:
    return pb.UnderWayExchange(
        exchange=f"partners/{kept.sender}/exchanges/{kept.exchange_id}",
        receiver=f"partners/{kept.receiver}",
        state=kept.state.value,
        create_time=timestamp(kept.create_time),
    )


def _funds(kept: Funds) -> pb.SettlementFunds:
    return pb.SettlementFunds(party=kept.party.name, available_amount=kept.available, currency_code=kept.currency)
