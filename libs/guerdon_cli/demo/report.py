"""What happened, as tables for people."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from guerdon.exchange.v1.resources_pb2 import Owed
from guerdon.ledger.v1.resources_pb2 import TransactionKind
from guerdon.recognition.v1.recognition_pb2 import VISIBILITY_PRIVATE
from guerdon_cli.demo.employer import Post
from guerdon_cli.demo.platform import day
from guerdon_cli.demo.shop import TIERS, refusals_told
from guerdon_cli.demo.story import VIEWER, Told


def print_report(told: Told, console: Console) -> None:
    """Print everything that the demo has to say."""
    for title, table in (
        ("What happened", _rules(told)),
        ("Where the points are", _flows(told)),
        ("Tiers on the day of the last purchase", _tiers(told)),
        (f"The last of member {told.member}'s statement", _statement(told)),
        ("The coalition's positions", _positions(told)),
        (f"The team's feed, as {VIEWER.title()} sees it", _feed(told)),
    ):
        console.print()
        console.print(title, style="bold")
        console.print(table)


def _table(*columns: str, numbers: Iterable[str] = ()) -> Table:
    table = Table(box=None, pad_edge=False)
    right = set(numbers)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left")
    return table


def _flows(told: Told) -> Table:
    numbers = ("members", "issued", "spent", "exchanged", "in the budget", "outstanding")
    table = _table("program", "unit", *numbers, numbers=numbers)
    for flow in told.flows:
        row = (flow.members, flow.issued, flow.spent, flow.exchanged, flow.budget, flow.outstanding)
        table.add_row(flow.name, flow.unit, *(f"{number:,}" for number in row))
    return table


def _rules(told: Told) -> Table:
    totals, shop, team = told.totals, told.shop.catalog, told.employer.catalog
    table = _table("what", "how much", "refused")
    rate = round(told.imported.purchases / told.imported.seconds)
    table.add_row("purchases imported", f"{totals.purchase_count:,}, {rate:,} a second")
    table.add_row("points by the base rule", f"{totals.base_points:,}")
    table.add_row("points that tiers added", f"{totals.tier_points:,}")
    table.add_row("returns", f"{told.shop.returns}, of {totals.returned_points:,} points")
    cancelled = f", {shop.cancelled} called off" if shop.cancelled else ""
    table.add_row("redemptions in the shop", f"{shop.redeemed}{cancelled}", refusals_told(shop.refusals))
    store = told.shop.store
    used = f"${store.taken // 100}.{store.taken % 100:02} in {store.uses} uses"
    table.add_row("a voucher at the tills", used, refusals_told(store.refusals))
    table.add_row("redemptions by the team", f"{team.redeemed}", refusals_told(team.refusals))
    table.add_row("exchanges", f"{told.exchanges.committed}", refusals_told(told.exchanges.refusals))
    thanks = f"{told.employer.given}, of {told.employer.points_given:,} points"
    table.add_row("recognitions", thanks, refusals_told(told.employer.refusals))
    table.add_row("points added onto them", f"{told.employer.points_added:,}, {told.employer.added} times")
    table.add_row(
        "recognitions taken back", f"{told.employer.taken_back}, {told.employer.points_returned:,} points returned"
    )
    return table


def _tiers(told: Told) -> Table:
    table = _table("tier", "from", "earns", "members", numbers=("from", "members"))
    held = {count.tier_id: count.member_count for count in told.totals.tiers}
    below = told.totals.member_count - sum(held.values())
    table.add_row("none", "0", "× 1", f"{below:,}")
    for tier, threshold, (many, of) in TIERS:
        table.add_row(tier, f"{threshold:,}", f"× {many}/{of}", f"{held.get(tier, 0):,}")
    return table


def _statement(told: Told) -> Table:
    table = _table("day", "what", "points", "balance", "memo", numbers=("points", "balance"))
    for entry in told.statement:
        kind = TransactionKind.Name(entry.kind).removeprefix("TRANSACTION_KIND_").lower()
        table.add_row(day(entry.effective_time), kind, f"{entry.amount:+,}", f"{entry.posted:,}", entry.memo)
    return table


def _positions(told: Told) -> Table:
    numbers = ("exchanges", "sent", "received", "owes")
    table = _table("sender", "receiver", *numbers, numbers=numbers)
    for position in told.positions:
        row = (position.exchange_count, position.debited_amount, position.received_amount)
        names = (_id(position.sender), _id(position.receiver))
        table.add_row(*names, *(f"{number:,}" for number in row), _money(position.owed))
    return table


def _feed(told: Told) -> Table:
    table = _table("from", "to", "points", "for", "message", numbers=("points",))
    name = told.employer.display_name
    for post in told.feed:
        one = post.recognition
        receivers = ", ".join(name(receiver) for receiver in one.receivers)
        table.add_row(name(one.giver), receivers, f"{one.amount:,}", " ".join(one.values), _said(told, post))
    return table


def _said(told: Told, post: Post) -> str:
    """The message, and below it who added what and who said what."""
    name = told.employer.display_name
    private = " (private)" if post.recognition.visibility == VISIBILITY_PRIVATE else ""
    added = [f"+ {one.amount:,} from {name(one.giver)}" for one in post.add_ons]
    comments = [f"{name(one.author)}: {one.message}" for one in post.comments]
    return "\n  ".join([f"{post.recognition.message}{private}", *added, *comments])


def _money(owed: Owed) -> str:
    """To the minor unit; a fraction of one is marked, and kept exactly by the service."""
    fraction = " +" if owed.fraction.numerator else ""
    return f"{owed.minor_units // 100:,}.{owed.minor_units % 100:02} {owed.currency_code}{fraction}"


def _id(name: str) -> str:
    return name.rpartition("/")[2]
