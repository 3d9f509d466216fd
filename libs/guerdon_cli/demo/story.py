"""What happens in the demo, from the first program to the last return, and what is read afterwards."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from guerdon.exchange.v1.resources_pb2 import Position
from guerdon.ledger.v1.resources_pb2 import Entry
from guerdon.membership.v1.membership_pb2 import GetProgramTotalsResponse
from guerdon_cli.demo.airline import WELCOME_MILES, Airline, Exchanges
from guerdon_cli.demo.employer import ALLOWANCE, BUDGET, Employer, Post
from guerdon_cli.demo.platform import Books, Platform, several_at_once
from guerdon_cli.demo.purchases import Purchase, by_points
from guerdon_cli.demo.shop import Imported, Shop, worth_returning

VOUCHERS_WANTED, TOTES_WANTED, FLIERS, RETURNERS = 24, 16, 24, 20
VIEWER = "dmitri"
"""Whose feed is shown: one whom a private recognition does not concern."""
FEED_LENGTH = 6


@dataclass(frozen=True)
class Flow:
    """Where the points of one program came from and went. Read from its system accounts, but `outstanding`, which is
    the sum of all member accounts.
    """

    name: str
    unit: str
    members: int
    issued: int
    spent: int
    exchanged: int
    """Received from other brands, less what was sent to them."""
    budget: int
    """What is left in a budget."""
    outstanding: int

    @property
    def balanced(self) -> bool:
        """Whether every point that came is somewhere."""
        return self.issued - self.spent + self.exchanged - self.budget == self.outstanding


@dataclass(frozen=True)
class Told:
    """All that the report shows."""

    imported: Imported
    totals: GetProgramTotalsResponse
    flows: Sequence[Flow]
    member: str
    statement: Sequence[Entry]
    positions: Sequence[Position]
    feed: Sequence[Post]
    shop: Shop
    exchanges: Exchanges
    employer: Employer
    problems: Sequence[str]
    """Whatever is not as it must be."""

    @property
    def redemptions(self) -> int:
        """Redemptions that stand, of the shop's members and of the employer's people."""
        return self.shop.catalog.redeemed + self.employer.catalog.redeemed


async def tell(
    platform: Platform,
    purchases: Sequence[Purchase],
    import_purchases: Callable[[Shop], Awaitable[Imported]],
    step: Callable[[str], None],
) -> Told:
    """Let everything happen. `import_purchases` imports them all; `step` is told what is under way."""
    step("opening a shop, an airline, their coalition, and an employer's scheme")
    shop = await Shop.open(platform)
    airline = await Airline.open(platform)
    exchanges = await Exchanges.found(platform, shop.books, airline.books)
    employer = await Employer.open(platform)
    step(f"importing {len(purchases):,} purchases")
    imported = await import_purchases(shop)
    customers = by_points(purchases)
    # The four stories take turns, so that a short file of purchases has something for each.
    fliers = customers[2::4][:FLIERS]
    step("members redeem")
    await shop.offer_rewards()
    await shop.redeem_vouchers(customers[0::4][:VOUCHERS_WANTED])
    await shop.redeem_totes([*customers[1::4][: TOTES_WANTED - 1], *fliers[:1]])
    step("members convert points to miles and back")
    flying = await airline.enroll(fliers)
    await _convert(exchanges, shop, flying)
    step("some purchases are returned")
    await shop.take_back(worth_returning(purchases, customers[3::4][:RETURNERS]))
    step("colleagues thank each other")
    await employer.thank()
    await employer.redeem()
    step("reading what came of it")
    return await _read(shop, exchanges, employer, flying, purchases, imported)


async def _convert(exchanges: Exchanges, shop: Shop, flying: dict[str, str]) -> None:
    async def there_and_back(place: int, customer: str, account: str) -> None:
        miles = await exchanges.to_airline(shop.account(customer), account)
        if place % 3 == 0 and miles:
            await exchanges.to_shop(account, shop.account(customer), miles // 2)

    await several_at_once(
        there_and_back(place, customer, account) for place, (customer, account) in enumerate(flying.items())
    )


async def _read(
    shop: Shop,
    exchanges: Exchanges,
    employer: Employer,
    flying: dict[str, str],
    purchases: Sequence[Purchase],
    imported: Imported,
) -> Told:
    totals = await shop.totals(max(purchase.second for purchase in purchases) + 1)
    airline = exchanges.airline
    flows = [
        await _flow("Shop", shop.books, await shop.accounts(), exchanges.airline.id),
        await _flow("Airline", airline.books, list(flying.values()), exchanges.shop.id),
        await _flow("Employer", employer.books, employer.accounts(), employer=employer),
    ]
    giving = await employer.books.sum_posted(employer.allowance_accounts())
    member = next(iter(flying), purchases[0].customer)
    return Told(
        imported=imported,
        totals=totals,
        flows=flows,
        member=member,
        statement=await shop.statement(member),
        positions=await exchanges.positions(),
        feed=await employer.feed(VIEWER, FEED_LENGTH),
        shop=shop,
        exchanges=exchanges,
        employer=employer,
        problems=_problems(shop, employer, totals, flows, purchases, len(flying), giving),
    )


async def _flow(
    name: str, books: Books, accounts: Sequence[str], partner: str = "", employer: Employer | None = None
) -> Flow:
    return Flow(
        name=name,
        unit=books.unit_id,
        members=len(employer.people) if employer else len(accounts),
        issued=-await books.system("issuance"),
        spent=await books.system("redemption"),
        exchanged=-await books.system(f"exchange.{partner}") if partner else 0,
        budget=await books.system(f"budget.{employer.id}") if employer else 0,
        outstanding=await books.sum_posted(accounts),
    )


def _problems(
    shop: Shop,
    employer: Employer,
    totals: GetProgramTotalsResponse,
    flows: Sequence[Flow],
    purchases: Sequence[Purchase],
    flying: int,
    giving: int,
) -> list[str]:
    """What the services say, held against what the file and the demo itself say."""
    ours, airline, team = flows
    earned = totals.base_points + totals.tier_points
    expected = {
        "purchases recorded": (totals.purchase_count, len(purchases)),
        "purchases on their way to the ledger": (totals.pending_purchase_count, 0),
        "members": (totals.member_count, len({purchase.customer for purchase in purchases})),
        "base points": (totals.base_points, sum(purchase.whole_dollars for purchase in purchases)),
        "points the shop issued": (ours.issued, earned - totals.returned_points),
        "points spent in the shop": (ours.spent, shop.catalog.spent),
        "cents that a voucher paid at the tills": (shop.store.taken, 1_000 if shop.store.uses else 0),
        "miles the airline issued": (airline.issued, flying * WELCOME_MILES),
        "points the employer issued": (team.issued, BUDGET),
        "points the team spent": (team.spent, employer.catalog.spent),
        "points the team may still give": (giving, len(employer.people) * ALLOWANCE - employer.points_received),
        "points the team has received": (team.outstanding - giving + team.spent, employer.points_received),
    }
    wrong = [f"{what}: {found}, not {wanted}" for what, (found, wanted) in expected.items() if found != wanted]
    return wrong + [f"the points of {flow.name} do not add up: {flow}" for flow in flows if not flow.balanced]
