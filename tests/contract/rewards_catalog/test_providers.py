"""What a provider is to issue is issued once, or the points go back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from guerdon import GuerdonError, InvalidRequestError, RefusedError, new_request_id, was_replayed
from guerdon.rewards.v1 import providers_pb2 as pb
from guerdon.rewards.v1 import resources_pb2 as res
from guerdon_kit.testing import wait_until
from guerdon_kit.webhooks import signing
from tests.contract.rewards_catalog.counter import euros
from tests.contract.rewards_catalog.counterparty import (
    Asked,
    counterparty,
    decide,
    make_provider,
    provided,
    report,
    report_request,
    says,
)
from tests.contract.rewards_catalog.world import Shop

FULFILLED, UNKNOWN = res.REDEMPTION_STATE_FULFILLED, res.REDEMPTION_STATE_FULFILMENT_UNKNOWN
REFUNDED = res.REDEMPTION_STATE_REFUNDED


async def test_an_order_is_signed_and_says_what_to_issue_and_its_code_is_the_members(shop: Shop) -> None:
    async with counterparty() as partner:
        partner.answer = lambda asked: (200, says("issued", asked.redemption, code="GIFT-0001"))
        provider, secret = await make_provider(shop, "acme", partner.url)
        card = await provided(shop, provider, gift_card=res.GiftCard(value=euros(2500)))
        member = await shop.member(100)
        redemption = await shop.redeem(card, member)
    assert (redemption.state, redemption.code) == (FULFILLED, "GIFT-0001")
    assert (await shop.balance(member)).available == 0
    [asked] = partner.asked
    headers = [asked.headers[name] for name in ("webhook-id", "webhook-timestamp", "webhook-signature")]
    assert signing.is_from([secret], headers[0], headers[1], headers[2], asked.body, datetime.now(UTC))
    assert headers[0] == redemption.name.rpartition("/")[2]
    assert asked.headers["host"] == f"127.0.0.1:{partner.port}"
    assert json.loads(asked.body) == {
        "type": "fulfilment.requested",
        "timestamp": redemption.create_time.ToDatetime(tzinfo=UTC).isoformat(),
        "data": {
            "redemption": redemption.name,
            "reward": card,
            "reward_version": 1,
            "title": "Card",
            "account": member,
            "points": 100,
            "value": {"minor_units": 2500, "currency_code": "EUR"},
        },
    }


async def test_what_a_provider_refuses_is_given_back_and_refused_for_ever(shop: Shop) -> None:
    provider, _ = await make_provider(shop)
    card, member = await provided(shop, provider, price=101, limit=1), await shop.member(101)
    for _ in range(2):
        with pytest.raises(RefusedError) as refused:
            await shop.redeem(card, member, "once")
        assert refused.value.reason == "FULFILMENT_REFUSED"
        assert refused.value.metadata["provider_reason"] == "SANDBOX_REFUSES"
    [redemption] = await shop.redemptions(member)
    assert (redemption.state, redemption.refunded_points) == (REFUNDED, 101)
    assert redemption.failure.reason == "FULFILMENT_REFUSED"
    assert await shop.spent(member) == [101, -101]
    with pytest.raises(RefusedError) as refused:  # and not by the limit: it counts no more
        await shop.redeem(card, member)
    assert refused.value.reason == "FULFILMENT_REFUSED"


async def test_the_sandbox_fails_on_demand(shop: Shop) -> None:
    provider, _ = await make_provider(shop)
    member = await shop.member(1000)
    codeless = await shop.redeem(await provided(shop, provider, "none", price=105), member)
    assert (codeless.state, codeless.code) == (FULFILLED, "")
    coded = await shop.redeem(await provided(shop, provider, "some", price=100), member)
    assert coded.code == f"SANDBOX-{coded.name.rpartition('/')[2]}"
    silent = await shop.redeem(await provided(shop, provider, "silent", price=104), member)
    assert (silent.state, silent.code) == (UNKNOWN, "")
    for refused in (shop.cancel(silent.name), shop.refund(silent.name)):
        with pytest.raises(RefusedError) as refusal:
            await refused
        assert refusal.value.reason == "REDEMPTION_IN_PROGRESS"


async def test_a_provider_that_gave_no_usable_answer_is_asked_again_with_the_same_id_and_body(shop: Shop) -> None:
    """Nothing is given back on a guess: the first answer may have been lost on its way."""
    async with counterparty() as partner:
        unusable = iter([None, (500, b"no"), (302, b""), (200, b"{}"), (200, says("accepted", "programs/other"))])

        def answer(asked: Asked) -> tuple[int, bytes] | None:
            return next(unusable, (200, says("issued", asked.redemption, code="GIFT-0002")))

        partner.answer = answer
        provider, _ = await make_provider(shop, "acme", partner.url)
        card, member = await provided(shop, provider), await shop.member(500)
        waiting = [await shop.redeem(card, member) for _ in range(5)]
        assert {redemption.state for redemption in waiting} == {UNKNOWN}
        assert (await shop.balance(member)).available == 0

        async def asked_again() -> list[Asked]:
            return [asked for asked in partner.asked if asked.redemption == waiting[0].name][1:]

        again = (await wait_until(asked_again))[0]
    assert again.headers["webhook-id"] == partner.asked[0].headers["webhook-id"]
    assert again.body == partner.asked[0].body


async def test_a_provider_may_answer_later_by_a_signed_webhook_which_may_come_twice(shop: Shop) -> None:
    async with counterparty() as partner:
        partner.answer = lambda asked: (200, says("accepted", asked.redemption))
        provider, secret = await make_provider(shop, "acme", partner.url)
        card, member = await provided(shop, provider), await shop.member(200)
        kept, given_back = [await shop.redeem(card, member, request_id) for request_id in ("one", "two")]
        assert {kept.state, given_back.state} == {UNKNOWN}
        issued = says("issued", kept.name, code="GIFT-0003")
        assert (await report(shop, provider, secret, issued, "msg-1")).state == FULFILLED
        again = shop.catalog.providers.ReportFulfilment(report_request(provider, secret, issued, "msg-1"))
        assert (await again).redemption.state == FULFILLED
        assert await was_replayed(again)
        assert (await report(shop, provider, secret, issued)).state == FULFILLED
        refused = says("refused", given_back.name, reason="sold out")
        assert (await report(shop, provider, secret, refused)).state == REFUNDED
        assert (await shop.redeem(card, member, "one")).code == "GIFT-0003"
        with pytest.raises(RefusedError):
            await shop.redeem(card, member, "two")
        assert (await shop.balance(member)).available == 100
        contradictions = [
            says("refused", kept.name, reason="no"),
            says("issued", kept.name, code="GIFT-0004"),
            says("issued", given_back.name, code="GIFT-0005"),
        ]
        for contradiction in contradictions:
            with pytest.raises(RefusedError) as decided:
                await report(shop, provider, secret, contradiction)
            assert decided.value.reason == "FULFILMENT_DECIDED"


async def test_a_webhook_is_believed_only_with_its_providers_signature_of_now(shop: Shop) -> None:
    provider, secret = await make_provider(shop)
    other, other_secret = await make_provider(shop, "other")
    silent = await shop.redeem(await provided(shop, provider, price=104), await shop.member(104))
    body = says("issued", silent.name, code="GIFT-0006")
    good = report_request(provider, secret, body)
    altered, old = pb.ReportFulfilmentRequest(), pb.ReportFulfilmentRequest()
    altered.CopyFrom(good)
    altered.body = body.replace(b"0006", b"0007")
    old.CopyFrom(good)
    long_ago = signing.headers([secret], old.request_id, datetime.now(UTC) - timedelta(minutes=6), body)
    old.webhook_timestamp, old.webhook_signature = long_ago["webhook-timestamp"], long_ago["webhook-signature"]
    for forged in (altered, old, report_request(provider, other_secret, body)):
        with pytest.raises(GuerdonError) as refused:
            await shop.catalog.providers.ReportFulfilment(forged)
        assert refused.value.reason == "WEBHOOK_NOT_BELIEVED"
    for said in (body, says("accepted", silent.name)):  # another's redemption is not its to speak of, nor to read
        with pytest.raises(GuerdonError) as refused:
            await report(shop, other, other_secret, said)
        assert refused.value.reason == "NOT_FOUND"
    assert (await report(shop, provider, secret, says("accepted", silent.name))).state == UNKNOWN
    nameless = [says("issued", f"{shop.program}/redemptions/{id_}") for id_ in ("\ud800", "\0", "")]
    for senseless in (b"{}", b"[", b'{"type": "fulfilment.requested", "data": {"redemption": "x"}}', *nameless):
        with pytest.raises(GuerdonError) as refused:
            await report(shop, provider, secret, senseless)
        assert refused.value.reason == "INVALID_FIELD"
    assert (await shop.redemption(silent.name)).state == UNKNOWN
    assert (await report(shop, provider, secret, body)).state == FULFILLED


async def test_a_secret_is_shown_once_made_and_the_one_before_goes_on_for_a_day(shop: Shop) -> None:
    provider, first = await make_provider(shop)
    request = pb.RotateProviderSecretRequest(name=provider, request_id=new_request_id())
    second = (await shop.catalog.providers.RotateProviderSecret(request)).secret
    assert (await shop.catalog.providers.RotateProviderSecret(request)).secret == second != first
    silent = await provided(shop, provider, price=104)
    member = await shop.member(208)
    for secret, code in ((first, "GIFT-0008"), (second, "GIFT-0009")):
        redemption = await shop.redeem(silent, member)
        body = says("issued", redemption.name, code=code)
        assert (await report(shop, provider, secret, body)).state == FULFILLED
    request.request_id = new_request_id()
    await shop.catalog.providers.RotateProviderSecret(request)
    with pytest.raises(GuerdonError) as refused:
        await report(shop, provider, first, body)
    assert refused.value.reason == "WEBHOOK_NOT_BELIEVED"
    read = (await shop.catalog.providers.GetProvider(pb.GetProviderRequest(name=provider))).provider
    assert read.kind == pb.PROVIDER_KIND_SANDBOX
    assert read.secret_create_time.ToDatetime() > read.create_time.ToDatetime()


async def test_people_may_say_what_a_silent_provider_does_not(shop: Shop) -> None:
    provider, _ = await make_provider(shop)
    silent, member = await provided(shop, provider, price=104), await shop.member(208)
    one, other = await shop.redeem(silent, member), await shop.redeem(silent, member)
    assert (await decide(shop, one.name, issued=pb.Issued(code="GIFT-0010"))).state == FULFILLED
    with pytest.raises(RefusedError) as taken:  # two members never have one code
        await decide(shop, other.name, issued=pb.Issued(code="GIFT-0010"))
    assert taken.value.reason == "CODE_TAKEN"
    assert (await decide(shop, other.name, refused=pb.Refused(reason="bankrupt"))).state == REFUNDED
    assert (await shop.redemption(one.name)).code == "GIFT-0010"
    mug = await shop.redeem(await shop.reward(price=1, stock=1), member)
    with pytest.raises(RefusedError) as never:
        await decide(shop, mug.name, refused=pb.Refused(reason="bankrupt"))
    assert never.value.reason == "FULFILMENT_NOT_ASKED"
    for wrong in ({}, {"issued": pb.Issued(code="a b")}, {"refused": pb.Refused(reason="x" * 101)}):
        with pytest.raises(GuerdonError) as invalid:
            await decide(shop, one.name, **wrong)
        assert invalid.value.reason == "INVALID_FIELD"


async def test_providers_and_rewards_of_them_keep_their_bounds(shop: Shop) -> None:
    provider, _ = await make_provider(shop, "a")
    await make_provider(shop, "b")
    for kind, url in (
        (pb.PROVIDER_KIND_HTTP, ""),
        (pb.PROVIDER_KIND_HTTP, "ftp://partner.example"),
        (pb.PROVIDER_KIND_SANDBOX, "https://partner.example"),
        (pb.PROVIDER_KIND_UNSPECIFIED, ""),
    ):
        wrong = pb.Provider(name=f"{shop.program}/providers/c", kind=kind, url=url)
        with pytest.raises(GuerdonError) as refused:
            await shop.catalog.providers.CreateProvider(
                pb.CreateProviderRequest(provider=wrong, request_id=new_request_id())
            )
        assert refused.value.reason == "INVALID_FIELD"
    with pytest.raises(GuerdonError) as refused:
        await make_provider(shop, "a")
    assert refused.value.reason == "ALREADY_EXISTS"
    for fields in (
        {"provider": ""},
        {"provider": f"{shop.program}/providers/none"},
        {"provider": "programs/x/providers/a"},
    ):
        with pytest.raises(GuerdonError):
            await provided(shop, **fields)
    card = await provided(shop, provider)
    assert (await shop.update(card, provider=f"{shop.program}/providers/b")).provider.endswith("/b")
    page = await shop.catalog.providers.ListProviders(pb.ListProvidersRequest(parent=shop.program, page_size=1))
    rest = await shop.catalog.providers.ListProviders(
        pb.ListProvidersRequest(parent=shop.program, page_size=1, page_token=page.next_page_token)
    )
    assert [found.name.rpartition("/")[2] for found in (*page.providers, *rest.providers)] == ["a", "b"]
    assert not rest.next_page_token


async def test_a_provider_that_moved_is_asked_at_its_new_address_and_given_no_more_at_once_than_it_takes(
    shop: Shop,
) -> None:
    async with counterparty() as before, counterparty() as after:
        before.answer = lambda asked: (503, b"")
        after.answer = lambda asked: (200, says("issued", asked.redemption))
        provider, _ = await make_provider(shop, "acme", before.url)
        card, member = await provided(shop, provider), await shop.member(300)
        waiting = await shop.redeem(card, member)
        assert waiting.state == UNKNOWN
        moved = pb.Provider(name=provider, kind=pb.PROVIDER_KIND_HTTP, url=after.url, max_orders=1)
        request = pb.UpdateProviderRequest(provider=moved, request_id=new_request_id())
        request.update_mask.paths.extend(["url", "max_orders"])
        now = (await shop.catalog.providers.UpdateProvider(request)).provider
        assert (now.url, now.max_orders, now.kind) == (after.url, 1, pb.PROVIDER_KIND_HTTP)
        again = shop.catalog.providers.UpdateProvider(request)
        assert (await again).provider == now
        assert await was_replayed(again)
        assert (await shop.redeem(card, member)).state == FULFILLED

        async def issued() -> bool:
            return (await shop.redemption(waiting.name)).state == FULFILLED

        await wait_until(issued)
        assert waiting.name in {asked.redemption for asked in after.asked}


async def test_what_a_provider_cannot_be_changed_to_is_refused_by_field(shop: Shop) -> None:
    sandbox, _ = await make_provider(shop)
    for changes, paths, field in (
        ({"max_orders": 1_001}, ["max_orders"], "provider.max_orders"),
        ({"url": "https://example.com"}, ["url"], "provider.url"),
        ({}, ["kind"], "update_mask"),
        ({}, [], "update_mask"),
    ):
        asked = pb.Provider(name=sandbox, kind=pb.PROVIDER_KIND_SANDBOX, **changes)
        request = pb.UpdateProviderRequest(provider=asked, request_id=new_request_id())
        request.update_mask.paths.extend(paths)
        with pytest.raises(InvalidRequestError) as refused:
            await shop.catalog.providers.UpdateProvider(request)
        assert [one.field for one in refused.value.violations] == [field]
