"""The ledger's RPCs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Container, Mapping, Sequence
from contextlib import aclosing

from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon_kit.clock import Clock
from guerdon_kit.errors import DomainError, InvalidField, NotFound, Unavailable
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import instant, timestamp
from guerdon_kit.idempotency import Fingerprint, Fingerprints
from guerdon_kit.names import parse
from guerdon_kit.pages import page_size, read_token, write_token
from ledger.domain.holds import HoldOrder
from ledger.domain.model import AMOUNT_MAX, Account, HoldState, Kind, Program, Unopened
from ledger.domain.permissions import require_outgoing
from ledger.domain.reversal import Policy, ReversalOrder
from ledger.operations.accounts import Accounts
from ledger.operations.adjustments import Adjustments
from ledger.operations.balances import Balances
from ledger.operations.batch import Answer, OpenedElsewhere, none_posted
from ledger.operations.books import Books
from ledger.operations.erasure import Erasure
from ledger.operations.explain import Explain
from ledger.operations.export import Export
from ledger.operations.history import History
from ledger.operations.limits import CreditLimits
from ledger.operations.movements import CaptureRequest, Movements
from ledger.operations.programs import Programs
from ledger.operations.transactions import Transactions
from ledger.operations.verify import Verification
from ledger.operations.watching import Watching
from ledger.operations.work import Post
from ledger.servicer import answers, orders
from ledger.servicer.accounts import ITEMS_MAX, AccountRpcs
from ledger.servicer.adjustments import AdjustmentRpcs
from ledger.servicer.audit import AuditRpcs
from ledger.servicer.books import BooksRpcs
from ledger.servicer.explain import ExplainRpcs
from ledger.servicer.history import HistoryRpcs
from ledger.servicer.limits import LimitRpcs
from ledger.servicer.programs import ProgramRpcs
from ledger.store.directory import Directory

BATCH_POSTINGS_MAX = 10_000
OPENINGS_TRIED = 5
"""How often a batch is tried whose accounts other processes open meanwhile."""
NAMES_MAX = 1_000
FULL_MAX = 100
NEWEST = 2**63 - 1
POST = "guerdon.ledger.v1.LedgerService/PostTransaction"
"""A transaction is the same request whether it comes alone or in a batch."""


class LedgerServicer(
    ProgramRpcs, AccountRpcs, LimitRpcs, AdjustmentRpcs, BooksRpcs, HistoryRpcs, ExplainRpcs, AuditRpcs
):
    """`guerdon.ledger.v1.LedgerService`."""

    service = pb.DESCRIPTOR.services_by_name["LedgerService"]

    def __init__(
        self,
        directory: Directory,
        programs: Programs,
        accounts: Accounts,
        limits: CreditLimits,
        movements: Movements,
        adjustments: Adjustments,
        balances: Balances,
        watching: Watching,
        transactions: Transactions,
        books: Books,
        history: History,
        explain: Explain,
        verification: Verification,
        export: Export,
        erasure: Erasure,
        clock: Clock,
    ) -> None:
        super().__init__(directory, programs, accounts)
        self._limits = limits
        self._movements = movements
        self._adjustments = adjustments
        self._balances = balances
        self._watching = watching
        self._transactions = transactions
        self._books = books
        self._history = history
        self._explain = explain
        self._verification = verification
        self._export = export
        self._erasure = erasure
        self._clock = clock

    async def post_transaction(
        self, request: pb.PostTransactionRequest, call: CallContext
    ) -> pb.PostTransactionResponse:
        program = await self._directory.program(request.parent, "parent")
        await self._directory.prefetch(call.names)
        try:
            order = orders.TransactionOrders(
                program, self._directory.known_account, call.caller.actor, call.caller.service, self._clock.now()
            ).order(request.transaction)
        except InvalidField as error:
            raise error.within("transaction") from error
        item = pb.PostTransactionItem(transaction=request.transaction, request_id=request.request_id)
        work = Post.of(order, Fingerprint.of(call, item, program.name, method=POST))
        [answer] = await self._movements.post([work], call.deadline)
        if isinstance(answer, DomainError):
            raise answer
        call.replayed = answer.replayed
        return answers.posted(answer.outcome, program)

    async def batch_post_transactions(
        self, request: pb.BatchPostTransactionsRequest, call: CallContext
    ) -> pb.BatchPostTransactionsResponse:
        program = await self._directory.program(request.parent, "parent")
        if len(request.items) > ITEMS_MAX:
            raise InvalidField.of("items", f"must be 1 to {ITEMS_MAX}")
        if sum([len(item.transaction.postings) for item in request.items]) > BATCH_POSTINGS_MAX:
            raise InvalidField.of("items", f"must have at most {BATCH_POSTINGS_MAX} postings")
        items = request.items
        call.fields["items"] = len(items)
        found: list[Answer] = [Unavailable()] * len(items)
        again: Sequence[int] = range(len(items))
        for run in range(OPENINGS_TRIED):
            await self._directory.prefetch(call.names)
            unopened = await self._unopened(request, program, call)
            answered = await self._post([items[place] for place in again], request, program, call, unopened)
            for place, answer in zip(again, answered, strict=True):
                found[place] = answer
            # What an item spends, another one may have brought to an account that had to be opened first.
            early = unopened if run == 0 else ()
            missed = [place for place in again if _is_missed(found[place], early)]
            if not missed:
                break
            again = again if request.atomic else missed
        return answers.results(found, program, balances=not request.omit_balances)

    async def _unopened(
        self, request: pb.BatchPostTransactionsRequest, program: Program, call: CallContext
    ) -> Mapping[str, Unopened]:
        """The accounts, by name, that a batch may open."""
        if not request.open_accounts_in:
            return {}
        unit_program, unit_id = parse(request.open_accounts_in, "programs/{program}/units/{unit}", "open_accounts_in")
        if unit_program != program.id:
            raise InvalidField.of("open_accounts_in", f"must be of {program.name}")
        return await self._programs.unopened(program, unit_id, call.names)

    async def _post(
        self,
        items: Sequence[pb.PostTransactionItem],
        request: pb.BatchPostTransactionsRequest,
        program: Program,
        call: CallContext,
        unopened: Mapping[str, Unopened],
    ) -> list[Answer]:
        """Posts items of a batch whose accounts were read; answers them in their order."""
        caller = call.caller
        asked = orders.TransactionOrders(
            program, self._directory.known_account, caller.actor, caller.service, self._clock.now(), unopened
        )
        fingerprints = Fingerprints(call, pb.PostTransactionItem.DESCRIPTOR, program.name, method=POST)
        wanted = [_work(item, asked, fingerprints) for item in items]
        works = [work for work in wanted if isinstance(work, Post)]
        refusals = [None if isinstance(work, Post) else work for work in wanted]
        if request.atomic and len(works) < len(wanted):
            return [*none_posted(refusals)]
        done = iter(await self._movements.post(works, call.deadline, whole=request.atomic) if works else ())
        return [next(done) if refused is None else refused for refused in refusals]

    async def reverse_transaction(
        self, request: pb.ReverseTransactionRequest, call: CallContext
    ) -> pb.ReverseTransactionResponse:
        if not 0 <= request.amount <= AMOUNT_MAX:
            raise InvalidField.of("amount", "must be 0 to 2^53")
        if not 0 <= request.policy <= Policy.ALLOW_NEGATIVE:
            raise InvalidField.of("policy", "is not a policy")
        policy = Policy(request.policy) if request.policy else Policy.ALLOW_NEGATIVE
        order = ReversalOrder(request.amount, policy, call.caller.actor, orders.text(request.memo, "memo"))
        program_id, _ = parse(request.name, "programs/{program}/transactions/{transaction}")
        fingerprint = Fingerprint.of(call, request, f"programs/{program_id}")
        done, original = await self._movements.reverse(
            request.name, request.other_programs, order, call.caller.service, fingerprint, call.deadline
        )
        call.replayed = done.replayed
        outcome = done.outcome
        return pb.ReverseTransactionResponse(
            transaction=answers.transaction_name(original.program, outcome.transaction),
            record_time=timestamp(outcome.record_time),
            balances=[answers.balance(balance) for balance in outcome.balances],
            reversed_amount=outcome.amount,
        )

    async def update_lots(self, request: pb.UpdateLotsRequest, call: CallContext) -> pb.UpdateLotsResponse:
        account = await self._directory.account(request.account, "account")
        if not account.is_member:
            raise InvalidField.of("account", "must be a MEMBER account")
        order = orders.lots_request(request, account, call.caller.actor)
        fingerprint = Fingerprint.of(call, request, account.program.name)
        done = await self._movements.update_lots(account, order, call.caller.service, fingerprint, call.deadline)
        call.replayed = done.replayed
        return pb.UpdateLotsResponse(
            record_time=timestamp(done.outcome.record_time),
            amount=done.outcome.amount,
            balances=[answers.balance(balance) for balance in done.outcome.balances],
        )

    async def get_transaction(self, request: pb.GetTransactionRequest, _call: CallContext) -> pb.GetTransactionResponse:
        found = await self._transactions.find(request.name)
        return pb.GetTransactionResponse(transaction=answers.transaction(found))

    async def list_transactions(
        self, request: pb.ListTransactionsRequest, _call: CallContext
    ) -> pb.ListTransactionsResponse:
        program = await self._directory.program(request.parent, "parent")
        query = ("ListTransactions", program.name)
        before = int(read_token(request.page_token, query, (int,))[0]) if request.page_token else NEWEST
        since = instant(request.since_time, "since_time") if request.HasField("since_time") else None
        found, rest = await self._transactions.page(program, before, page_size(request.page_size), since)
        return pb.ListTransactionsResponse(
            transactions=map(answers.transaction, found), next_page_token=write_token(query, (rest,)) if rest else ""
        )

    async def place_hold(self, request: pb.PlaceHoldRequest, call: CallContext) -> pb.PlaceHoldResponse:
        program = await self._directory.program(request.parent, "parent")
        message = request.hold
        account = await self._directory.account(message.account, "hold.account")
        if account.program != program:
            raise InvalidField.of("hold.account", f"must be of {program.name}")
        if not account.is_member:
            raise InvalidField.of("hold.account", "must be a MEMBER account")
        require_outgoing(account, Kind.SPEND)
        order = HoldOrder(
            account,
            orders.amount(message.amount, "hold.amount", least=1),
            orders.hold_expiry(message.expire_time, self._clock.now()),
            orders.text(message.purpose, "hold.purpose"),
            call.caller.actor,
            orders.locked_of(message.locked, "hold.locked") if message.HasField("locked") else None,
        )
        found = await self._movements.place(order, Fingerprint.of(call, request, program.name), call.deadline)
        call.replayed = found.done.replayed
        return pb.PlaceHoldResponse(hold=answers.hold(found), balance=answers.balance(found.done.outcome.balances[0]))

    async def capture_hold(self, request: pb.CaptureHoldRequest, call: CallContext) -> pb.CaptureHoldResponse:
        order = CaptureRequest(
            orders.amount(request.amount, "amount", least=0),
            request.destination,
            call.caller.actor,
            orders.text(request.memo, "memo"),
        )
        fingerprint = Fingerprint.of(call, request, _program_of_hold(request.name))
        found = await self._movements.capture(request.name, order, fingerprint, call.deadline)
        call.replayed = found.done.replayed
        outcome = found.done.outcome
        return pb.CaptureHoldResponse(
            hold=answers.hold(found),
            transaction=answers.transaction_name(found.terms.account.program, outcome.transaction),
            record_time=timestamp(outcome.record_time),
            balance=answers.balance(outcome.balances[0]),
        )

    async def release_hold(self, request: pb.ReleaseHoldRequest, call: CallContext) -> pb.ReleaseHoldResponse:
        fingerprint = Fingerprint.of(call, request, _program_of_hold(request.name))
        found = await self._movements.release(request.name, call.caller.actor, fingerprint, call.deadline)
        call.replayed = found.done.replayed
        return pb.ReleaseHoldResponse(hold=answers.hold(found), balance=answers.balance(found.done.outcome.balances[0]))

    async def get_hold(self, request: pb.GetHoldRequest, _call: CallContext) -> pb.GetHoldResponse:
        found, account = await self._movements.hold(request.name)
        return pb.GetHoldResponse(hold=answers.hold_now(found, account, self._clock.now()))

    async def list_holds(self, request: pb.ListHoldsRequest, _call: CallContext) -> pb.ListHoldsResponse:
        account = await self._directory.account(request.parent, "parent")
        state = orders.one_of(HoldState, request.state, "state")
        size = page_size(request.page_size)
        query = ("ListHolds", account.name, str(state))
        before = int(read_token(request.page_token, query, (int,))[0]) if request.page_token else NEWEST
        found = await self._accounts.holds(account, state, before, size + 1)
        now = self._clock.now()
        return pb.ListHoldsResponse(
            holds=[answers.hold_now(hold, account, now) for _, hold in found[:size]],
            next_page_token=write_token(query, (found[size - 1][0],)) if len(found) > size else "",
        )

    async def get_balance(self, request: pb.GetBalanceRequest, _call: CallContext) -> pb.GetBalanceResponse:
        account = self._directory.known_account(request.name) or await self._directory.account(request.name)
        if request.min_version < 0:
            raise InvalidField.of("min_version", "must be at least 0")
        at_a_time = request.HasField("effective_end_time") or request.HasField("record_time")
        after = None
        if request.HasField("expiries_after_time"):
            if at_a_time or request.view != pb.BALANCE_VIEW_FULL:
                raise InvalidField.of("expiries_after_time", "must be set in the full view of now only")
            after = instant(request.expiries_after_time, "expiries_after_time")
        if at_a_time:
            return await self._balance_at(account, request)
        if request.view != pb.BALANCE_VIEW_FULL:
            return pb.GetBalanceResponse(
                balance=answers.balance(await self._balances.get(account, request.min_version))
            )
        full = await self._balances.get_full(account, request.min_version, after)
        return pb.GetBalanceResponse(balance=answers.full_balance(full))

    async def batch_get_balances(
        self, request: pb.BatchGetBalancesRequest, _call: CallContext
    ) -> pb.BatchGetBalancesResponse:
        program = await self._directory.program(request.parent, "parent")
        accounts = await self._each_once(program, request.names, "names")
        if request.view != pb.BALANCE_VIEW_FULL:
            found = await self._balances.get_many(accounts)
            return pb.BatchGetBalancesResponse(balances=[answers.balance(balance) for balance in found])
        if len(accounts) > FULL_MAX:
            raise InvalidField.of("names", f"must be 1 to {FULL_MAX} in the full view")
        full = await self._balances.get_many_full(accounts)
        return pb.BatchGetBalancesResponse(balances=[answers.full_balance(balance) for balance in full])

    async def watch_balances(
        self, request: pb.WatchBalancesRequest, _call: CallContext
    ) -> AsyncIterator[pb.WatchBalancesResponse]:
        program = await self._directory.program(request.parent, "parent")
        accounts = await self._each_once(program, [watched.name for watched in request.accounts], "accounts")
        for index, (watched, account) in enumerate(zip(request.accounts, accounts, strict=True)):
            if not account.is_member:
                raise InvalidField.of(f"accounts[{index}].name", "must be a MEMBER account")
            if watched.min_version < 0:
                raise InvalidField.of(f"accounts[{index}].min_version", "must be at least 0")
        wanted = {account: watched.min_version for account, watched in zip(accounts, request.accounts, strict=True)}
        async with aclosing(self._watching.watch(wanted)) as changes:  # whoever leaves makes room at once
            async for balances in changes:
                yield pb.WatchBalancesResponse(balances=[answers.balance(balance) for balance in balances])

    async def _each_once(self, program: Program, names: Sequence[str], field: str) -> list[Account]:
        """The accounts of one program that a request names, each once. Raises InvalidField, NotFound."""
        if len(names) > NAMES_MAX:
            raise InvalidField.of(field, f"must be 1 to {NAMES_MAX}")
        if len(set(names)) < len(names):
            raise InvalidField.of(field, "must each occur once")
        orders.same_tenant(names, program.name, field)
        ids = [parse(name, "programs/{program}/accounts/{account}", field)[1] for name in names]
        await self._directory.accounts(program, ids)
        return [await self._directory.account(name) for name in names]

    async def list_entries(self, request: pb.ListEntriesRequest, _call: CallContext) -> pb.ListEntriesResponse:
        account = await self._directory.account(request.parent, "parent")
        size = page_size(request.page_size)
        query = ("ListEntries", account.name)
        before = int(read_token(request.page_token, query, (int,))[0]) if request.page_token else NEWEST
        lines = await self._transactions.statement(account, before, size + 1)
        more = len(lines) > size
        return pb.ListEntriesResponse(
            entries=[answers.entry(line, account.program) for line in lines[:size]],
            next_page_token=write_token(query, (lines[size - 1].version,)) if more else "",
        )


def _program_of_hold(name: str) -> str:
    program_id, _ = parse(name, "programs/{program}/holds/{hold}")
    return f"programs/{program_id}"


def _work(
    item: pb.PostTransactionItem, asked: orders.TransactionOrders, fingerprints: Fingerprints
) -> Post | DomainError:
    """One item of a batch; an item that is refused here does not touch the others."""
    try:
        order = asked.order(item.transaction)
    except InvalidField as error:
        return error.within("transaction")
    except DomainError as error:
        return error
    return Post.of(order, fingerprints.of(item))


def _is_missed(answer: Answer, early: Container[str]) -> bool:
    """Whether an item was refused for an account that is there by now: another process has opened it, or this batch."""
    if isinstance(answer, OpenedElsewhere):
        return True
    return isinstance(answer, NotFound) and answer.metadata["resource"] in early
