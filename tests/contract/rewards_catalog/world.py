"""A ledger, a catalog, and programs to fill them with."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask

from guerdon import Client, GuerdonError, UnavailableError, new_request_id
from guerdon.ledger.v1 import ledger_pb2 as ledger
from guerdon.ledger.v1 import resources_pb2 as ledger_res
from guerdon.rewards.v1 import resources_pb2 as res
from guerdon.rewards.v1 import rewards_pb2 as pb
from guerdon.type.v1.cash_pb2 import Cash
from guerdon_kit.auth.development import DevelopmentIdentity
from guerdon_kit.testing import RunningService

_numbers = itertools.count(1)


@dataclass
class World:
    """Both services, and clients of them."""

    ledger: RunningService
    catalog: RunningService
    identity: DevelopmentIdentity
    _clients: list[Client] = field(default_factory=list)

    def client(self, service: RunningService, token: str = "") -> Client:
        """A client of one service, by default with a token for everything."""
        self._clients.append(Client(service.target, token=token or self.identity.token()))
        return self._clients[-1]

    async def close(self) -> None:
        """Closes the clients."""
        for client in self._clients:
            await client.close()

    async def shop(self, name: str = "", *, time_zone: str = "UTC") -> Shop:
        """A program of its own with a unit of points."""
        program = f"programs/{name or f'shop-{next(_numbers)}'}"
        shop = Shop(program, self.client(self.ledger), self.client(self.catalog))
        await shop.books.ledger.CreateProgram(
            ledger.CreateProgramRequest(
                program=ledger_res.Program(name=program, time_zone=time_zone), request_id=new_request_id()
            )
        )
        await shop.make_unit("points")
        return shop


@dataclass
class Shop:
    """One program: its members, its rewards, and what they do."""

    program: str
    books: Client
    catalog: Client

    async def make_unit(self, unit: str, scale: int = 0) -> None:
        """A unit and its system accounts."""
        name = f"{self.program}/units/{unit}"
        await self.books.ledger.CreateUnit(
            ledger.CreateUnitRequest(unit=ledger_res.Unit(name=name, scale=scale), request_id=new_request_id())
        )

    async def member(self, points: int = 0, *, unit: str = "points", account: str = "") -> str:
        """A member account with so many points."""
        name = f"{self.program}/accounts/{account or f'm-{next(_numbers)}'}"
        await self.books.ledger.CreateAccount(
            ledger.CreateAccountRequest(
                account=ledger_res.Account(
                    name=name, unit=f"{self.program}/units/{unit}", kind=ledger_res.ACCOUNT_KIND_MEMBER
                ),
                request_id=new_request_id(),
            )
        )
        if points:
            await self.earn(name, points, unit=unit)
        return name

    async def earn(
        self, account: str, points: int, *, unit: str = "points", expire_time: datetime | None = None
    ) -> None:
        """Points for an account."""
        posting = ledger_res.Posting(
            source=f"{self.program}/accounts/issuance.{unit}", destination=account, amount=points
        )
        if expire_time is not None:
            posting.expire_time.FromDatetime(expire_time)
        await self.books.ledger.PostTransaction(
            ledger.PostTransactionRequest(
                parent=self.program,
                transaction=ledger_res.Transaction(kind=ledger_res.TRANSACTION_KIND_EARN, postings=[posting]),
                request_id=new_request_id(),
            )
        )

    async def crowd(self, count: int, points: int) -> list[str]:
        """So many member accounts with so many points each, by two calls."""
        unit = f"{self.program}/units/points"
        names = [f"{self.program}/accounts/c-{next(_numbers)}" for _ in range(count)]
        accounts = [ledger_res.Account(name=name, unit=unit, kind=ledger_res.ACCOUNT_KIND_MEMBER) for name in names]
        await self.books.ledger.BatchCreateAccounts(
            ledger.BatchCreateAccountsRequest(parent=self.program, accounts=accounts, request_id=new_request_id())
        )
        issuance = f"{self.program}/accounts/issuance.points"
        answer = await self.books.ledger.BatchPostTransactions(
            ledger.BatchPostTransactionsRequest(
                parent=self.program,
                items=[
                    ledger.PostTransactionItem(
                        transaction=ledger_res.Transaction(
                            kind=ledger_res.TRANSACTION_KIND_EARN,
                            postings=[ledger_res.Posting(source=issuance, destination=name, amount=points)],
                        ),
                        request_id=new_request_id(),
                    )
                    for name in names
                ],
            )
        )
        assert all(result.HasField("posted") for result in answer.results)
        return names

    async def balances(self, accounts: Sequence[str]) -> list[ledger_res.Balance]:
        """What many accounts have."""
        request = ledger.BatchGetBalancesRequest(parent=self.program, names=accounts)
        return list((await self.books.ledger.BatchGetBalances(request)).balances)

    async def balance(self, account: str) -> ledger_res.Balance:
        """What an account has, straight from the ledger."""
        return (await self.books.ledger.GetBalance(ledger.GetBalanceRequest(name=account))).balance

    async def verified(self) -> list[str]:
        """What the ledger finds wrong when it recomputes everything."""
        wrong: list[str] = []
        done = False
        async for progress in self.books.ledger.Verify(ledger.VerifyRequest()):
            wrong += [f"{finding.reason} {finding.subject}: {finding.detail}" for finding in progress.findings]
            done = done or progress.done
        assert done
        return wrong

    async def spent(self, account: str) -> list[int]:
        """The amounts of the account's spends and their reversals, newest first, as its statement has them."""
        statement = await self.books.ledger.ListEntries(ledger.ListEntriesRequest(parent=account, page_size=1000))
        kinds = {ledger_res.TRANSACTION_KIND_SPEND, ledger_res.TRANSACTION_KIND_REVERSAL}
        return [entry.amount for entry in statement.entries if entry.kind in kinds]

    async def reward(
        self,
        reward: str = "mug",
        *,
        price: int = 100,
        stock: int = 0,
        codes: Sequence[str] = (),
        unlimited: bool = False,
        limit: int = 0,
        activate: bool = True,
        unit: str = "points",
        **more: Any,
    ) -> str:
        """A reward with a stock, or with a pool of codes, or unlimited; `more` are fields of the message."""
        fulfilment = more.pop("fulfilment", res.FULFILMENT_UNLIMITED if unlimited else res.FULFILMENT_STOCK)
        if codes:
            fulfilment = res.FULFILMENT_CODE_POOL
        name = f"{self.program}/rewards/{reward}"
        await self.catalog.rewards.CreateReward(
            pb.CreateRewardRequest(
                reward=res.Reward(
                    name=name,
                    title=reward.title(),
                    unit=f"{self.program}/units/{unit}",
                    price=price,
                    fulfilment=fulfilment,
                    limit_per_account=limit,
                    **more,
                ),
                stock=stock,
                activate=activate,
                request_id=new_request_id(),
            )
        )
        if codes:
            await self.import_codes(name, [codes])
        return name

    async def update(self, reward: str, *paths: str, **changes: Any) -> res.Reward:
        """Changes a reward: the given fields, and those that `paths` name besides, which are cleared."""
        request = pb.UpdateRewardRequest(
            reward=res.Reward(name=reward, **changes),
            update_mask=FieldMask(paths=[*changes, *paths]),
            request_id=new_request_id(),
        )
        return (await self.catalog.rewards.UpdateReward(request)).reward

    async def archive(self, reward: str) -> res.Reward:
        """Ends a reward for good."""
        request = pb.ArchiveRewardRequest(name=reward, request_id=new_request_id())
        return (await self.catalog.rewards.ArchiveReward(request)).reward

    async def left(self, reward: str) -> int:
        """How many pieces or codes are left."""
        return (await self.catalog.rewards.GetReward(pb.GetRewardRequest(name=reward))).reward.available

    async def import_codes(self, reward: str, chunks: Iterable[Sequence[str]]) -> pb.ImportCodesResponse:
        """Imports codes, each chunk under an id of its own."""
        return await self.catalog.rewards.ImportCodes(stream(code_chunks(reward, chunks)))

    async def close_account(self, account: str) -> None:
        """Closes an account that has nothing."""
        request = ledger.CloseAccountRequest(name=account, request_id=new_request_id())
        await self.books.ledger.CloseAccount(request)

    async def redeem(self, reward: str, account: str, request_id: str = "", **more: Any) -> res.Redemption:
        """Redeems, under an id of its own unless one is given; `more` are fields of the request."""
        request = pb.RedeemRequest(reward=reward, account=account, request_id=request_id or new_request_id(), **more)
        return (await self.catalog.rewards.Redeem(request)).redemption

    async def pay(self, redemption: str, *, cash: Cash, payment: str = "ch_1") -> res.Redemption:
        """Says that the money is there, under an id of its own."""
        request = pb.ConfirmPaymentRequest(name=redemption, payment=payment, cash=cash, request_id=new_request_id())
        return (await self.catalog.rewards.ConfirmPayment(request)).redemption

    async def insist(self, reward: str, account: str) -> res.Redemption | str:
        """Redeems with one id until there is an answer: the redemption, or why it was refused."""
        request_id = new_request_id()
        while True:
            try:
                return await self.redeem(reward, account, request_id)
            except UnavailableError:
                continue
            except GuerdonError as error:
                return error.reason

    async def cancel(self, redemption: str, request_id: str = "") -> res.Redemption:
        """Cancels, under an id of its own unless one is given."""
        request = pb.CancelRedemptionRequest(name=redemption, request_id=request_id or new_request_id())
        return (await self.catalog.rewards.CancelRedemption(request)).redemption

    async def refund(self, redemption: str, points: int = 0, request_id: str = "") -> res.Redemption:
        """Refunds, under an id of its own unless one is given."""
        request = pb.RefundRedemptionRequest(name=redemption, points=points, request_id=request_id or new_request_id())
        return (await self.catalog.rewards.RefundRedemption(request)).redemption

    async def fulfil(self, redemption: str, request_id: str = "") -> res.Redemption:
        """Hands over, under an id of its own unless one is given."""
        request = pb.FulfilRedemptionRequest(name=redemption, request_id=request_id or new_request_id())
        return (await self.catalog.rewards.FulfilRedemption(request)).redemption

    async def redemption(self, name: str) -> res.Redemption:
        """A redemption as it is now."""
        return (await self.catalog.rewards.GetRedemption(pb.GetRedemptionRequest(name=name))).redemption

    async def redemptions(self, account: str = "") -> list[res.Redemption]:
        """The first 1,000 redemptions, newest first."""
        request = pb.ListRedemptionsRequest(parent=self.program, account=account, page_size=1000)
        return list((await self.catalog.rewards.ListRedemptions(request)).redemptions)


def code_chunks(reward: str, chunks: Iterable[Sequence[str]]) -> list[pb.ImportCodesRequest]:
    """The messages of an import."""
    return [pb.ImportCodesRequest(reward=reward, codes=codes, request_id=new_request_id()) for codes in chunks]


async def stream(messages: Iterable[pb.ImportCodesRequest]) -> AsyncIterator[pb.ImportCodesRequest]:
    """The messages, as a client sends them."""
    for message in messages:
        yield message
