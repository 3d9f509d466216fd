"""The ledger, in membership's words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b

from guerdon.ledger.v1 import journal_pb2, ledger_pb2, resources_pb2
from guerdon_kit.errors import Status
from guerdon_kit.grpc.client import Remote, RemoteError
from guerdon_kit.grpc.messages import set_timestamp
from guerdon_kit.grpc.status import read_details
from membership.domain.deliveries import Clawback, Credit
from membership.domain.endings import Left
from membership.domain.merging import Merge, Part, Remains, Step
from membership.domain.program import Program

LEDGER = ledger_pb2.DESCRIPTOR.services_by_name["LedgerService"]
BATCH_MAX = 5_000
"""The most items or accounts of one call."""
EXPIRIES_MAX = 100
"""The most expiries of one answer."""
WRITE_TIMEOUT_S = 20.0
"""How long a write may take: a batch waits its turn behind the batches of others. Callers who wait give up sooner."""

_CLOSED = "ACCOUNT_CLOSED"


@dataclass(frozen=True, slots=True)
class Balance:
    """What a member can spend, and how much of it expires when, the soonest first."""

    available: int
    expiring: Sequence[tuple[int, datetime]]


@dataclass(frozen=True, slots=True)
class Refused:
    """The ledger refused a credit: definitely, and for now or for good by its reason."""

    reason: str

    @property
    def for_good(self) -> bool:
        """The lot would have expired before it was made, or the account is closed: it never will be."""
        return self.reason in {"EXPIRY_PASSED", _CLOSED}


@dataclass(frozen=True, slots=True)
class TooMuch:
    """More was to be taken back than is left of an award."""

    left: int


class Ledger:
    """Calls the ledger with membership's own tokens, on behalf of `actor`.

    Every method raises OutcomeUnknown where the ledger did not answer in time, and RemoteError where it refused.
    """

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    async def time_zone(self, program: str, actor: str) -> str | None:
        """The time zone of a program, given by name; None where the ledger has no such program."""
        request = ledger_pb2.GetProgramRequest(name=program)
        try:
            answer = await self._remote.call(
                "GetProgram", request, ledger_pb2.GetProgramResponse, tenants=[program], act=actor
            )
        except RemoteError as refusal:
            if refusal.remote_status is Status.NOT_FOUND:
                return None
            raise
        return answer.program.time_zone

    async def has_unit(self, program: str, unit_id: str, actor: str) -> bool:
        """Whether the program, given by name, counts in that unit: it then has the account that points come from."""
        request = ledger_pb2.GetAccountRequest(name=_issuance(program, unit_id))
        try:
            await self._remote.call("GetAccount", request, ledger_pb2.GetAccountResponse, tenants=[program], act=actor)
        except RemoteError as refusal:
            if refusal.remote_status in {Status.NOT_FOUND, Status.INVALID_ARGUMENT}:
                return False
            raise
        return True

    async def open_accounts(self, program: Program, account_ids: Sequence[str], actor: str) -> frozenset[str]:
        """Opens the accounts that are not open yet; answers those that exist with another unit or kind.

        One of these has the ledger refuse all that are asked for with it, so each half is asked for on its own then.
        """
        try:
            await self._open(program, account_ids, actor, program.settings.unit_id)
        except RemoteError as refusal:
            if refusal.remote_status is not Status.ALREADY_EXISTS:
                raise
            if len(account_ids) == 1:
                return frozenset(account_ids)
            half = len(account_ids) // 2
            taken = await self.open_accounts(program, account_ids[:half], actor)
            return taken | await self.open_accounts(program, account_ids[half:], actor)
        return frozenset()

    async def open_wallet(self, program: Program, account_id: str, unit_id: str, actor: str) -> None:
        """Opens an account of another unit than the program's, if it is not open yet."""
        await self._open(program, [account_id], actor, unit_id)

    async def _open(self, program: Program, account_ids: Sequence[str], actor: str, unit_id: str) -> None:
        unit = f"{program.name}/units/{unit_id}"
        accounts = [
            resources_pb2.Account(
                name=f"{program.name}/accounts/{one}", unit=unit, kind=resources_pb2.ACCOUNT_KIND_MEMBER
            )
            for one in account_ids
        ]
        # The same accounts make the same request; which delivery asks for them does not matter.
        digest = blake2b("/".join(account_ids).encode(), digest_size=16).hexdigest()
        request = ledger_pb2.BatchCreateAccountsRequest(
            parent=program.name, accounts=accounts, request_id=f"accounts-{digest}"
        )
        await self._remote.call(
            "BatchCreateAccounts",
            request,
            ledger_pb2.BatchCreateAccountsResponse,
            tenants=[program.name],
            act=actor,
            timeout_s=WRITE_TIMEOUT_S,
        )

    async def credit(
        self, program: Program, credits_: Sequence[Credit], actor: str, *, opening: bool
    ) -> list[str | Refused]:
        """Credits members, each on its own, all in one unit, `opening` accounts that do not exist, as it does with
        wallets; answers transaction ids or refusals, in their order.

        Always by the batch call, also for one: there a request id means the same whoever asks again.
        """
        wallet = credits_[0].unit
        unit_id = wallet or program.settings.unit_id
        source = _issuance(program.name, unit_id)
        accounts = f"{program.name}/accounts/"
        request = ledger_pb2.BatchPostTransactionsRequest(parent=program.name, omit_balances=True)
        if opening or wallet:
            request.open_accounts_in = f"{program.name}/units/{unit_id}"
        for one in credits_:
            _fill(request.items.add(), source, accounts, one)
        answer = await self._remote.call(
            "BatchPostTransactions",
            request,
            ledger_pb2.BatchPostTransactionsResponse,
            tenants=[program.name],
            act=actor,
            timeout_s=WRITE_TIMEOUT_S,
        )
        skipped = len(f"{program.name}/transactions/")
        return [
            result.posted.transaction[skipped:] if result.HasField("posted") else Refused(read_details(result.error)[0])
            for result in answer.results
        ]

    async def take_back(self, program: Program, clawback: Clawback, actor: str) -> int:
        """Takes points of an award back, into debt where they are spent; answers how many.

        What has expired of the award is not taken again. Where less is left than is to be taken, that is taken, by a
        request of its own: the ledger keeps its refusal of the first. From a closed account nothing is taken.
        """
        taken = await self._reverse(program, clawback, clawback.points, clawback.request_id, actor)
        if isinstance(taken, int):
            return taken
        if taken.left == 0:
            return 0
        rest = await self._reverse(program, clawback, 0, clawback.rest_request_id, actor)
        return rest if isinstance(rest, int) else 0

    async def _reverse(
        self, program: Program, clawback: Clawback, points: int, request_id: str, actor: str
    ) -> int | TooMuch:
        """Reverses points of an award, 0 for all that is left."""
        request = ledger_pb2.ReverseTransactionRequest(
            name=f"{program.name}/transactions/{clawback.transaction}",
            amount=points,
            policy=ledger_pb2.CLAWBACK_POLICY_ALLOW_NEGATIVE,
            memo=clawback.memo,
            request_id=request_id,
        )
        try:
            answer = await self._remote.call(
                "ReverseTransaction",
                request,
                ledger_pb2.ReverseTransactionResponse,
                tenants=[program.name],
                act=actor,
                timeout_s=WRITE_TIMEOUT_S,
            )
        except RemoteError as refusal:
            if refusal.remote_reason == "OVER_REVERSAL":
                return TooMuch(int(refusal.remote_metadata["remaining"]))
            if refusal.remote_reason == _CLOSED:
                return TooMuch(0)
            raise
        return answer.reversed_amount

    async def merge(self, program: Program, merge: Merge, step: Step) -> int:
        """Moves what a step of a merge names between the old account and the survivor's; answers 0, or how many points
        can be moved at once where these are too many lots. Where less is there than was, nothing is moved.
        """
        old, new = (f"{program.name}/accounts/{one}" for one in merge.accounts(step.unit))
        source, destination = (new, old) if step.part is Part.DEBT else (old, new)
        posting = resources_pb2.Posting(
            source=source, destination=destination, amount=step.points, pending=step.part is Part.PENDING
        )
        transaction = resources_pb2.Transaction(
            kind=resources_pb2.TRANSACTION_KIND_MERGE,
            postings=[posting],
            memo=f"Merge of {merge.member.member_id} into {merge.into.member_id}",
        )
        request = ledger_pb2.PostTransactionRequest(
            parent=program.name, transaction=transaction, request_id=merge.request_id
        )
        try:
            await self._remote.call(
                "PostTransaction",
                request,
                ledger_pb2.PostTransactionResponse,
                tenants=[program.name],
                act=merge.actor,
                timeout_s=WRITE_TIMEOUT_S,
            )
        except RemoteError as refusal:
            if refusal.remote_reason == "TOO_MANY_LOTS":
                return int(refusal.remote_metadata["movable"])
            if refusal.remote_reason != "INSUFFICIENT_POINTS":
                raise
        return 0

    async def remains(self, program: Program, account_id: str, actor: str) -> Remains:
        """What an account still has and owes; nothing, where there is none."""
        request = ledger_pb2.GetBalanceRequest(name=f"{program.name}/accounts/{account_id}")
        try:
            answer = await self._remote.call(
                "GetBalance", request, ledger_pb2.GetBalanceResponse, tenants=[program.name], act=actor
            )
        except RemoteError as refusal:
            if refusal.remote_status is not Status.NOT_FOUND:
                raise
            return Remains(0, 0, 0, 0)
        balance = answer.balance
        return Remains(balance.available, balance.pending, balance.debt, balance.held)

    async def extend(self, program: Program, account_id: str, until: datetime, request_id: str, actor: str) -> None:
        """Has an account's open lots expire at `until`, those that would expire before. A closed account has none."""
        request = ledger_pb2.UpdateLotsRequest(
            account=f"{program.name}/accounts/{account_id}",
            move_expiry=ledger_pb2.MoveExpiry(only_extend=True),
            request_id=request_id,
        )
        set_timestamp(request.move_expiry.expire_time, until)
        try:
            await self._remote.call(
                "UpdateLots",
                request,
                ledger_pb2.UpdateLotsResponse,
                tenants=[program.name],
                act=actor,
                timeout_s=WRITE_TIMEOUT_S,
            )
        except RemoteError as refusal:
            if refusal.remote_reason != _CLOSED:
                raise

    async def activate(
        self, program: Program, account_id: str, transactions: Sequence[str], request_id: str, actor: str
    ) -> None:
        """Makes pending points of transactions available."""
        request = ledger_pb2.UpdateLotsRequest(
            account=f"{program.name}/accounts/{account_id}",
            transactions=[f"{program.name}/transactions/{one}" for one in transactions],
            activate=ledger_pb2.ActivateLots(),
            request_id=request_id,
        )
        await self._remote.call(
            "UpdateLots",
            request,
            ledger_pb2.UpdateLotsResponse,
            tenants=[program.name],
            act=actor,
            timeout_s=WRITE_TIMEOUT_S,
        )

    async def close(self, program: Program, account_id: str, request_id: str, actor: str) -> Left | None:
        """Closes an account for ever, if there is one; answers None, or what is left where that keeps it open."""
        name = f"{program.name}/accounts/{account_id}"
        try:
            await self._remote.call(
                "CloseAccount",
                ledger_pb2.CloseAccountRequest(name=name, request_id=request_id),
                ledger_pb2.CloseAccountResponse,
                tenants=[program.name],
                act=actor,
                timeout_s=WRITE_TIMEOUT_S,
            )
        except RemoteError as refusal:
            if refusal.remote_reason == "ACCOUNT_NOT_EMPTY":
                told = refusal.remote_metadata
                posted, held, pending, debt = (int(told[name]) for name in ("posted", "held", "pending", "debt"))
                return Left(posted, held, pending, debt)
            if refusal.remote_reason != _CLOSED and refusal.remote_status is not Status.NOT_FOUND:
                raise
        return None

    async def erase_texts(self, program: Program, account_id: str, request_id: str, actor: str) -> None:
        """Erases the words on an account's postings and holds."""
        await self._remote.call(
            "EraseTexts",
            journal_pb2.EraseTextsRequest(name=f"{program.name}/accounts/{account_id}", request_id=request_id),
            journal_pb2.EraseTextsResponse,
            tenants=[program.name],
            act=actor,
            timeout_s=WRITE_TIMEOUT_S,
        )

    async def version(self, program: Program, account_id: str, actor: str) -> int:
        """The version of an account; 0 where it is not open yet."""
        request = ledger_pb2.GetBalanceRequest(name=f"{program.name}/accounts/{account_id}")
        try:
            answer = await self._remote.call(
                "GetBalance", request, ledger_pb2.GetBalanceResponse, tenants=[program.name], act=actor
            )
        except RemoteError as refusal:
            if refusal.remote_status is Status.NOT_FOUND:
                return 0
            raise
        return answer.balance.version

    async def expiring(
        self, program: Program, account_id: str, actor: str, until: datetime
    ) -> Sequence[tuple[int, datetime]] | None:
        """What an account has that expires, the soonest first: all that does so up to `until`, and the first that does
        later, if any. None where it is not open yet.
        """
        found: list[tuple[int, datetime]] = []
        more = True
        while more:
            balance = await self.balance(program, account_id, actor, found[-1][1] if found else None)
            if balance is None:
                return None
            found += balance.expiring
            more = len(balance.expiring) == EXPIRIES_MAX and found[-1][1] <= until
        return found

    async def balance(
        self, program: Program, account_id: str, actor: str, after: datetime | None = None
    ) -> Balance | None:
        """What an account has now, with the first hundred expiries, or of those `after` a time; None where it is not
        open yet.
        """
        request = ledger_pb2.GetBalanceRequest(
            name=f"{program.name}/accounts/{account_id}", view=ledger_pb2.BALANCE_VIEW_FULL
        )
        if after is not None:
            set_timestamp(request.expiries_after_time, after)
        try:
            answer = await self._remote.call(
                "GetBalance", request, ledger_pb2.GetBalanceResponse, tenants=[program.name], act=actor
            )
        except RemoteError as refusal:
            if refusal.remote_status is Status.NOT_FOUND:
                return None
            raise
        balance = answer.balance
        expiring = [(one.amount, one.expire_time.ToDatetime(tzinfo=UTC)) for one in balance.expiries]
        return Balance(balance.available, expiring)


def _issuance(program: str, unit_id: str) -> str:
    return f"{program}/accounts/issuance.{unit_id}"


def _fill(item: ledger_pb2.PostTransactionItem, source: str, accounts: str, credit: Credit) -> None:
    """Makes an item of a batch the request for a credit; in place, because a message put into another one is copied."""
    item.request_id = credit.request_id
    transaction = item.transaction
    transaction.kind = resources_pb2.TRANSACTION_KIND_EARN
    transaction.memo = credit.memo
    # A purchase that a till tells of after the month was closed counts in the month that is open.
    transaction.if_closed = resources_pb2.IF_CLOSED_CARRY_FORWARD
    if credit.effective_time is not None:
        set_timestamp(transaction.effective_time, credit.effective_time)
    posting = transaction.postings.add()
    posting.source = source
    posting.destination = accounts + credit.account_id
    posting.amount = credit.points
    if credit.expire_time is not None:
        set_timestamp(posting.expire_time, credit.expire_time)
    if credit.held:
        posting.pending = True
    elif credit.available_time is not None:
        set_timestamp(posting.available_time, credit.available_time)
