"""What the operator's treasurer does in a coalition, and what the ledger has of it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from guerdon import new_request_id
from guerdon.exchange.v1 import coalition_admin_service_pb2 as admin
from guerdon.exchange.v1 import resources_pb2 as res
from guerdon.exchange.v1 import settlement_pb2 as pb
from guerdon.ledger.v1 import ledger_pb2 as ledger
from tests.contract.partner_exchange.world import Brand, Coalition

_references = itertools.count(1)


@dataclass
class Treasurer:
    """Settles a coalition's windows."""

    coalition: Coalition

    def window(self, number: int) -> str:
        """The name of a window."""
        return f"{self.coalition.name}/settlementWindows/{number}"

    async def close(self, number: int, request_id: str = "") -> pb.SettlementWindow:
        """Closes a window."""
        request = pb.CloseSettlementWindowRequest(name=self.window(number), request_id=request_id or new_request_id())
        return (await self.coalition.operator.settlement.CloseSettlementWindow(request)).window

    async def settle(self, number: int, request_id: str = "") -> pb.SettlementWindow:
        """Settles a window as far as it goes."""
        request = pb.SettleWindowRequest(name=self.window(number), request_id=request_id or new_request_id())
        return (await self.coalition.operator.settlement.SettleWindow(request)).window

    async def abort(self, number: int, request_id: str = "") -> pb.SettlementWindow:
        """Aborts a settlement."""
        request = pb.AbortSettlementRequest(name=self.window(number), request_id=request_id or new_request_id())
        return (await self.coalition.operator.settlement.AbortSettlement(request)).window

    async def read(self, number: int) -> pb.SettlementWindow:
        """A window as it is now."""
        request = pb.GetSettlementWindowRequest(name=self.window(number))
        return (await self.coalition.operator.settlement.GetSettlementWindow(request)).window

    async def windows(self) -> list[pb.SettlementWindow]:
        """The first 1,000 windows, newest first."""
        request = pb.ListSettlementWindowsRequest(parent=self.coalition.name, page_size=1_000)
        return list((await self.coalition.operator.settlement.ListSettlementWindows(request)).windows)

    async def positions(self, number: int) -> list[res.Position]:
        """The first 1,000 positions of a window."""
        request = admin.ListPositionsRequest(parent=self.coalition.name, window=self.window(number), page_size=1_000)
        return list((await self.coalition.operator.coalition_admin.ListPositions(request)).positions)

    async def deposit(self, brand: Brand | str, amount: int) -> int:
        """Money that a brand, or the coalition's operator, paid in; what it has then."""
        request = pb.DepositSettlementFundsRequest(
            party=_name(brand), amount=amount, reference=f"bank-{next(_references)}", request_id=new_request_id()
        )
        answer = await self.coalition.operator.settlement.DepositSettlementFunds(request)
        return answer.funds.available_amount

    async def withdraw(self, brand: Brand | str, amount: int) -> int:
        """Money that is paid out to a brand; what it has then."""
        request = pb.WithdrawSettlementFundsRequest(
            party=_name(brand), amount=amount, reference=f"bank-{next(_references)}", request_id=new_request_id()
        )
        answer = await self.coalition.operator.settlement.WithdrawSettlementFunds(request)
        return answer.funds.available_amount

    async def funds(self, brand: Brand | str) -> int:
        """What a brand has."""
        request = pb.GetSettlementFundsRequest(party=_name(brand))
        answer = await self.coalition.operator.settlement.GetSettlementFunds(request)
        return answer.funds.available_amount

    async def hub(self) -> int:
        """What the hub's account comes to, straight from the ledger."""
        program = f"programs/settlement.{self.coalition.name.partition('/')[2]}"
        request = ledger.GetBalanceRequest(name=f"{program}/accounts/exchange.gbp.hub")
        return (await self.coalition.books.ledger.GetBalance(request)).balance.posted


async def sent(sender: Brand, receiver: Brand, points: int) -> res.Exchange:
    """An exchange of so many points, by members of their own."""
    source, destination = await sender.member(points), await receiver.member()
    return await sender.execute(await sender.quote(source, receiver, destination, send=points))


def nets(window: pb.SettlementWindow) -> dict[str, int]:
    """What each participant gets or pays."""
    return {one.party: one.net_amount for one in window.participants}


def _name(party: Brand | str) -> str:
    return party if isinstance(party, str) else party.name
