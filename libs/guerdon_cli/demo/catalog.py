"""A party's rewards, and what becomes of the wishes for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence

import guerdon
from guerdon.rewards.v1 import rewards_pb2 as rewards
from guerdon.rewards.v1.resources_pb2 import Fulfilment, GiftCard, Redemption, Reward
from guerdon.type.v1.cash_pb2 import Cash
from guerdon_cli.demo.platform import Books


class Catalog:
    """The rewards of one program, as their owner manages them."""

    def __init__(self, client: guerdon.Client, books: Books) -> None:
        self.redeemed = 0
        """Redemptions that stand."""
        self.cancelled = 0
        self.spent = 0
        """Points of the redemptions that stand."""
        self.refusals: Counter[str] = Counter()
        """How often which reason was given."""
        self._rewards = client.rewards
        self._books = books

    async def offer(
        self,
        id_: str,
        title: str,
        price: int,
        fulfilment: Fulfilment.ValueType,
        *,
        stock: int = 0,
        codes: Sequence[str] = (),
        worth: Cash | None = None,
    ) -> str:
        """Make an active reward with its stock or its codes, and return its name; `worth` makes it a gift card."""
        name = f"{self._books.program}/rewards/{id_}"
        card = None if worth is None else GiftCard(value=worth)
        reward = Reward(
            name=name, title=title, unit=self._books.unit, price=price, fulfilment=fulfilment, gift_card=card
        )
        await self._rewards.CreateReward(
            rewards.CreateRewardRequest(reward=reward, stock=stock, activate=True, request_id=f"offer-{id_}")
        )
        if codes:
            await self._rewards.ImportCodes(_codes(name, codes))
        return name

    async def redeem(self, reward: str, account: str) -> Redemption | None:
        """Redeem for an account, once; None where the platform refuses, for a reason that is counted."""
        request_id = "-".join(name.rpartition("/")[2] for name in (reward, account))
        request = rewards.RedeemRequest(reward=reward, account=account, request_id=request_id)
        try:
            redemption = (await self._rewards.Redeem(request)).redemption
        except guerdon.RefusedError as refusal:
            self.refusals[refusal.reason] += 1
            return None
        self.redeemed += 1
        self.spent += redemption.price
        return redemption

    async def hand_over(self, redemption: Redemption) -> None:
        """Say that a piece has reached its member."""
        request = rewards.FulfilRedemptionRequest(name=redemption.name, request_id=_id("fulfil", redemption))
        await self._rewards.FulfilRedemption(request)

    async def cancel(self, redemption: Redemption) -> None:
        """Call a redemption off: its points come back."""
        request = rewards.CancelRedemptionRequest(name=redemption.name, request_id=_id("cancel", redemption))
        await self._rewards.CancelRedemption(request)
        self.redeemed -= 1
        self.spent -= redemption.price
        self.cancelled += 1


async def _codes(reward: str, codes: Sequence[str]) -> AsyncIterator[rewards.ImportCodesRequest]:
    yield rewards.ImportCodesRequest(reward=reward, codes=codes, request_id="codes")


def _id(step: str, redemption: Redemption) -> str:
    return f"{step}-{redemption.name.rpartition('/')[2]}"
