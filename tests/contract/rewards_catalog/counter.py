"""What tills do with the codes of a shop."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from guerdon import new_request_id
from guerdon.rewards.v1 import resources_pb2 as res
from guerdon.rewards.v1 import vouchers_pb2 as pb
from guerdon.type.v1.cash_pb2 import Cash
from tests.contract.rewards_catalog.world import Shop

MAIN_STREET = pb.Till(store="main street", terminal="3", cashier="eve")
STATION = pb.Till(store="station", terminal="1")


def euros(minor_units: int) -> Cash:
    """So many cents."""
    return Cash(minor_units=minor_units, currency_code="EUR")


def voucher_of(redemption: res.Redemption) -> str:
    """The name of the voucher that was issued for a redemption."""
    return redemption.name.replace("/redemptions/", "/vouchers/")


async def set_terms(
    shop: Shop,
    reward: str,
    *,
    valid_for: timedelta | None = None,
    start_in: timedelta | None = None,
    cancellable: bool = False,
) -> pb.VoucherTerms:
    """Terms for the vouchers of a reward from now on."""
    terms = pb.VoucherTerms(cancellable=cancellable)
    if valid_for is not None:
        terms.valid_for.FromTimedelta(valid_for)
    if start_in is not None:
        terms.start_time.GetCurrentTime()
        terms.start_time.FromDatetime(terms.start_time.ToDatetime() + start_in)
    request = pb.SetVoucherTermsRequest(reward=reward, terms=terms, request_id=new_request_id())
    return (await shop.catalog.vouchers.SetVoucherTerms(request)).terms


async def generate(shop: Shop, reward: str, count: int, request_id: str = "") -> res.Reward:
    """Has codes made for a pool."""
    request = pb.GenerateCodesRequest(reward=reward, count=count, request_id=request_id or new_request_id())
    return (await shop.catalog.vouchers.GenerateCodes(request)).reward


async def issued(
    shop: Shop, codes: Sequence[str] = ("CODE-1",), *, value: int = 0, cancellable: bool = False
) -> list[res.Redemption]:
    """A reward with these codes, each of them issued to one member; the codes are in no particular order."""
    kind: dict[str, Any] = {"gift_card": res.GiftCard(value=euros(value))} if value else {}
    card = await shop.reward("card", price=100, codes=codes, **kind)
    if cancellable:
        await set_terms(shop, card, cancellable=True)
    member = await shop.member(100 * len(codes))
    return [await shop.redeem(card, member) for _ in codes]


async def validate(shop: Shop, code: str, amount: Cash | None = None) -> pb.ValidateVoucherResponse:
    """Asks what a code is worth."""
    return await shop.catalog.vouchers.ValidateVoucher(
        pb.ValidateVoucherRequest(parent=shop.program, code=code, amount=amount)
    )


def use_request(
    shop: Shop, code: str, amount: Cash | None = None, *, till: pb.Till = MAIN_STREET, request_id: str = ""
) -> pb.RedeemVoucherRequest:
    """The request by which a till uses a voucher."""
    return pb.RedeemVoucherRequest(
        parent=shop.program, code=code, amount=amount, till=till, request_id=request_id or new_request_id()
    )


async def use(
    shop: Shop, code: str, amount: Cash | None = None, *, till: pb.Till = MAIN_STREET, request_id: str = ""
) -> pb.VoucherUse:
    """Uses a voucher, under an id of its own unless one is given."""
    request = use_request(shop, code, amount, till=till, request_id=request_id)
    return (await shop.catalog.vouchers.RedeemVoucher(request)).use


async def undo(shop: Shop, name: str, *, till: pb.Till = MAIN_STREET, request_id: str = "") -> pb.VoucherUse:
    """Undoes a use, under an id of its own unless one is given."""
    request = pb.UndoVoucherRedemptionRequest(name=name, till=till, request_id=request_id or new_request_id())
    return (await shop.catalog.vouchers.UndoVoucherRedemption(request)).use


async def voucher(shop: Shop, redemption: res.Redemption) -> pb.Voucher:
    """The voucher of a redemption as it is now."""
    return (await shop.catalog.vouchers.GetVoucher(pb.GetVoucherRequest(name=voucher_of(redemption)))).voucher


async def uses(shop: Shop, redemption: res.Redemption) -> list[pb.VoucherUse]:
    """The first 1,000 uses of a redemption's voucher, newest first."""
    request = pb.ListVoucherUsesRequest(parent=voucher_of(redemption), page_size=1000)
    return list((await shop.catalog.vouchers.ListVoucherUses(request)).uses)
