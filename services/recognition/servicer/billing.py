"""Billing: proto in, operation, proto out."""

from __future__ import annotations

from guerdon.recognition.v1 import billing_pb2 as pb
from guerdon.type.v1.cash_pb2 import Cash
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import rational, timestamp
from guerdon_kit.names import parse
from guerdon_kit.pages import page_size, read_token, write_token
from recognition.domain.billing import Redemption, Statement
from recognition.domain.people import person_name
from recognition.operations.billing import Billing

_STATEMENT = "organisations/{organisation}/billingStatements/{month}"


class BillingServicer:
    """`guerdon.recognition.v1.BillingService`."""

    service = pb.DESCRIPTOR.services_by_name["BillingService"]

    def __init__(self, billing: Billing) -> None:
        self._billing = billing

    async def get_billing_statement(
        self, request: pb.GetBillingStatementRequest, _call: CallContext
    ) -> pb.GetBillingStatementResponse:
        """Reads what is owed for a month."""
        organisation, month = parse(request.name, _STATEMENT)
        found = await self._billing.get(organisation, month)
        return pb.GetBillingStatementResponse(statement=write_statement(found))

    async def list_billable_redemptions(
        self, request: pb.ListBillableRedemptionsRequest, _call: CallContext
    ) -> pb.ListBillableRedemptionsResponse:
        """Lists what a final statement is made of."""
        organisation, month = parse(request.parent, _STATEMENT, "parent")
        size = page_size(request.page_size)
        query = ("ListBillableRedemptions", organisation, month)
        after = int(read_token(request.page_token, query, (int,))[0]) if request.page_token else 0
        found = await self._billing.list_after(organisation, month, after, size + 1)
        return pb.ListBillableRedemptionsResponse(
            redemptions=[write_redemption(organisation, redemption) for _, redemption in found[:size]],
            next_page_token=write_token(query, (found[size - 1][0],)) if len(found) > size else "",
        )


def write_statement(statement: Statement) -> pb.BillingStatement:
    """The contract's statement."""
    return pb.BillingStatement(
        name=statement.name,
        final=statement.final,
        start_time=timestamp(statement.month.start_time),
        end_time=timestamp(statement.month.end_time),
        redeemed_points=statement.redeemed_points,
        returned_points=statement.returned_points,
        minor_units_per_point=rational(statement.minor_units),
        amount=Cash(minor_units=statement.amount, currency_code=statement.currency_code),
    )


def write_redemption(organisation: str, redemption: Redemption) -> pb.BillableRedemption:
    """The contract's redemption."""
    return pb.BillableRedemption(
        person=person_name(organisation, redemption.person),
        transaction=redemption.transaction,
        points=redemption.points,
        record_time=timestamp(redemption.record_time),
    )
