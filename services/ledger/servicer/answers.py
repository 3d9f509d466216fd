"""What the operations answer, as messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import cast

from google.rpc import status_pb2

from guerdon.ledger.v1 import ledger_pb2, resources_pb2
from guerdon_kit.errors import DomainError, ReplayedRefusal
from guerdon_kit.grpc.messages import set_timestamp, timestamp
from guerdon_kit.grpc.status import to_status
from ledger.domain.model import NEVER, Account, AccountState, Balance, Hold, HoldState, HoldTerms, Kind, Program
from ledger.domain.policies import EVERY_OTHER_UNIT, Policies
from ledger.operations.batch import Answer, Done
from ledger.operations.findings import Finding, Progress
from ledger.operations.movements import HoldAnswer
from ledger.operations.outcome import Outcome
from ledger.operations.programs import ProgramState
from ledger.operations.transactions import StatementLine, StoredTransaction
from ledger.store.balances import FullBalance
from ledger.store.directory import Unit


def program(found: ProgramState) -> resources_pb2.Program:
    """A program."""
    owner, policies = found.program, found.policies
    message = resources_pb2.Program(name=owner.name, display_name=found.display_name, time_zone=owner.time_zone)
    message.adjustment_limits.extend(adjustment_limits(owner, policies, found.units))
    if policies.restored_lot_grace:
        message.restored_lot_grace.FromTimedelta(policies.restored_lot_grace)
    return message


def adjustment_limits(
    owner: Program, policies: Policies, units: Mapping[int, str]
) -> list[resources_pb2.AdjustmentLimit]:
    """How much one person may adjust; `units` are the ids of the program's units, by number."""
    return [
        resources_pb2.AdjustmentLimit(
            unit="" if number == EVERY_OTHER_UNIT else f"{owner.name}/units/{units[number]}", amount=amount
        )
        for number, amount in policies.adjustment_limits.items()
    ]


def unit(found: Unit, owner: Program) -> resources_pb2.Unit:
    """A unit."""
    return resources_pb2.Unit(name=f"{owner.name}/units/{found.id}", display_name=found.display_name, scale=found.scale)


def account(
    found: Account, unit_id: str, state: AccountState, labels: Mapping[str, str], credit_limit: int | None = None
) -> resources_pb2.Account:
    """An account."""
    return resources_pb2.Account(
        name=found.name,
        unit=f"{found.program.name}/units/{unit_id}",
        kind=cast("resources_pb2.AccountKind.ValueType", found.kind.value),
        create_time=timestamp(found.create_time),
        state=cast("resources_pb2.AccountState.ValueType", state.value),
        labels=labels,
        credit_limit=credit_limit,
        outgoing=[cast("resources_pb2.TransactionKind.ValueType", kind.value) for kind in sorted(found.outgoing)],
    )


def balance(found: Balance) -> resources_pb2.Balance:
    """A balance."""
    message = resources_pb2.Balance()
    fill_balance(message, found)
    return message


def fill_balance(message: resources_pb2.Balance, found: Balance) -> None:
    """Fills an empty message, which lies in another one mostly: one that is put there is copied. Zeros are there."""
    message.account = found.account.name
    message.posted = found.posted
    if found.held:
        message.held = found.held
    if found.pending:
        message.pending = found.pending
    if found.debt:
        message.debt = found.debt
    message.available = found.available
    message.lifetime_earned = found.earned
    if found.spent:
        message.lifetime_spent = found.spent
    message.version = found.version
    if found.valid_until is not NEVER and found.valid_until != NEVER:
        set_timestamp(message.valid_until, found.valid_until)
    message.state = found.state  # type: ignore[assignment]  # the contract's number is the rules' own


def full_balance(found: FullBalance) -> resources_pb2.Balance:
    """A balance, and what expires when."""
    message = balance(found[0])
    for time, amount in found[1]:
        message.expiries.add(expire_time=timestamp(time), amount=amount)
    return message


def transaction_name(owner: Program, id_: int) -> str:
    """The resource name of a transaction; empty for none."""
    return f"{owner.name}/transactions/{id_}" if id_ else ""


def posted(outcome: Outcome, owner: Program) -> ledger_pb2.PostTransactionResponse:
    """The outcome of a posted transaction."""
    return ledger_pb2.PostTransactionResponse(
        transaction=transaction_name(owner, outcome.transaction),
        record_time=timestamp(outcome.record_time),
        balances=[balance(found) for found in outcome.balances],
    )


def results(answers: Iterable[Answer], owner: Program, *, balances: bool) -> ledger_pb2.BatchPostTransactionsResponse:
    """What became of the items of a batch; made in place, because a message put into another one is copied."""
    response = ledger_pb2.BatchPostTransactionsResponse()
    add, name = response.results.add, f"{owner.name}/transactions/"
    for answer in answers:
        result = add()
        if not isinstance(answer, Done):
            result.error.CopyFrom(refusal(answer))
            result.replayed = isinstance(answer, ReplayedRefusal)
            continue
        outcome = answer.outcome
        posted = result.posted
        posted.transaction = f"{name}{outcome.transaction}"
        set_timestamp(posted.record_time, outcome.record_time)
        if balances:
            for found in outcome.balances:
                fill_balance(posted.balances.add(), found)
        if answer.replayed:
            result.replayed = True
    return response


def refusal(error: DomainError) -> status_pb2.Status:
    """A refusal inside an answer."""
    return to_status(error)


def hold(answer: HoldAnswer) -> resources_pb2.Hold:
    """A hold right after a write: what the write made of it, even where more has happened since."""
    outcome = answer.done.outcome
    return _hold(answer.terms, outcome.hold_state, outcome.captured)


def hold_state(state: HoldState) -> resources_pb2.HoldState.ValueType:
    """The contract's number is the rules' own."""
    return cast("resources_pb2.HoldState.ValueType", state.value)


def _kind(kind: Kind) -> resources_pb2.TransactionKind.ValueType:
    return cast("resources_pb2.TransactionKind.ValueType", kind.value)


def stored_hold(found: Hold, owner: Account) -> resources_pb2.Hold:
    """A hold as it is stored."""
    terms = HoldTerms(found.id, owner, found.amount, found.expire_time, found.purpose)
    return _hold(terms, found.state, found.captured)


def _hold(terms: HoldTerms, state: HoldState, captured: int) -> resources_pb2.Hold:
    return resources_pb2.Hold(
        name=f"{terms.account.program.name}/holds/{terms.id}",
        account=terms.account.name,
        amount=terms.amount,
        expire_time=timestamp(terms.expire_time),
        purpose=terms.purpose,
        state=hold_state(state),
        captured_amount=captured,
    )


def hold_now(found: Hold, owner: Account, now: datetime) -> resources_pb2.Hold:
    """A hold as it is at `now`: that its time has passed is a fact of the clock, booked or not."""
    message = stored_hold(found, owner)
    if found.state is HoldState.ACTIVE and found.expire_time <= now:
        message.state = hold_state(HoldState.EXPIRED)
    return message


def transaction(found: StoredTransaction) -> resources_pb2.Transaction:
    """A transaction, with the postings that its reader may see."""
    return resources_pb2.Transaction(
        name=transaction_name(found.program, found.id),
        kind=_kind(found.kind),
        postings=[
            resources_pb2.Posting(source=p.source.name, destination=p.destination.name, amount=p.amount)
            for p in found.postings
        ],
        effective_time=timestamp(found.effective_time),
        record_time=timestamp(found.record_time),
        memo=found.memo,
        actor=found.actor,
        reverses=transaction_name(found.program, found.reverses),
    )


def entry(line: StatementLine, owner: Program) -> resources_pb2.Entry:
    """A line of a statement."""
    return resources_pb2.Entry(
        transaction=transaction_name(owner, line.transaction),
        kind=_kind(line.kind),
        amount=line.amount,
        posted=line.posted,
        version=line.version,
        counterparty=line.counterparty.name,
        effective_time=timestamp(line.effective_time),
        record_time=timestamp(line.record_time),
        memo=line.memo,
    )


def progress(found: Progress) -> ledger_pb2.VerifyResponse:
    """How far a verification is."""
    return ledger_pb2.VerifyResponse(
        phase=found.phase,
        postings_checked=found.postings,
        accounts_checked=found.accounts,
        findings=[finding(one) for one in found.findings],
        heads=[
            ledger_pb2.ChainHead(shard=one.shard, block=one.block, hash=one.hash, seal_time=timestamp(one.seal_time))
            for one in found.heads
        ],
        done=found.done,
    )


def finding(one: Finding) -> ledger_pb2.Finding:
    """One thing that is wrong."""
    return ledger_pb2.Finding(
        reason=one.reason,
        subject=one.subject,
        detail=one.detail,
        shard=one.shard,
        version=one.version,
        lot=one.lot,
        block=one.block,
        found=one.found,
        expected=one.expected,
    )
