"""The ledger's RPCs about accounts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from guerdon_kit.pages import page_size, read_token, write_token
from ledger.domain.lifecycle import StateOrder
from ledger.domain.model import OUTGOING, AccountKind, AccountState, Kind, Program
from ledger.domain.states import Operation
from ledger.operations.accounts import Accounts, StoredAccount
from ledger.operations.programs import AccountOrder, Programs
from ledger.servicer import answers, orders
from ledger.store.directory import Directory

ITEMS_MAX = 5_000

StateRequest = TypeVar("StateRequest", pb.FreezeAccountRequest, pb.UnfreezeAccountRequest, pb.CloseAccountRequest)
StateResponse = TypeVar("StateResponse", pb.FreezeAccountResponse, pb.UnfreezeAccountResponse, pb.CloseAccountResponse)


class AccountRpcs:
    """What `guerdon.ledger.v1.LedgerService` does with accounts as such."""

    def __init__(self, directory: Directory, programs: Programs, accounts: Accounts) -> None:
        self._directory = directory
        self._programs = programs
        self._accounts = accounts

    async def create_account(self, request: pb.CreateAccountRequest, call: CallContext) -> pb.CreateAccountResponse:
        message = request.account
        program_id, id_ = parse(message.name, "programs/{program}/accounts/{account}", "account.name")
        unit_program, unit_id = parse(message.unit, "programs/{program}/units/{unit}", "account.unit")
        if unit_program != program_id:
            raise InvalidField.of("account.unit", "must be of the account's program")
        program = await self._directory.program_by_id(program_id)
        fingerprint = Fingerprint.of(call, request, program.name)
        made, replayed = await self._programs.create_account(
            fingerprint,
            program,
            _order(message, unit_id, id_, "account"),
        )
        call.replayed = replayed
        return pb.CreateAccountResponse(account=answers.account(made, unit_id, AccountState.OPEN, message.labels))

    async def batch_create_accounts(
        self, request: pb.BatchCreateAccountsRequest, call: CallContext
    ) -> pb.BatchCreateAccountsResponse:
        program = await self._directory.program(request.parent, "parent")
        if len(request.accounts) > ITEMS_MAX:
            raise InvalidField.of("accounts", f"must be 1 to {ITEMS_MAX}")
        wanted: list[AccountOrder] = []
        for index, message in enumerate(request.accounts):
            field = f"accounts[{index}]"
            program_id, id_ = parse(message.name, "programs/{program}/accounts/{account}", f"{field}.name")
            unit_program, unit_id = parse(message.unit, "programs/{program}/units/{unit}", f"{field}.unit")
            if program_id != program.id or unit_program != program.id:
                raise InvalidField.of(f"{field}.name", f"must be of {program.name}, as its unit")
            wanted.append(_order(message, unit_id, id_, field))
        fingerprint = Fingerprint.of(call, request, program.name)
        count, call.replayed = await self._programs.create_accounts(fingerprint, program, wanted)
        return pb.BatchCreateAccountsResponse(created_count=count)

    async def get_account(self, request: pb.GetAccountRequest, _call: CallContext) -> pb.GetAccountResponse:
        account = await self._directory.account(request.name)
        [message] = await self._messages(account.program, [await self._accounts.get(account)])
        return pb.GetAccountResponse(account=message)

    async def list_accounts(self, request: pb.ListAccountsRequest, _call: CallContext) -> pb.ListAccountsResponse:
        program = await self._directory.program(request.parent, "parent")
        kind = orders.one_of(AccountKind, request.kind, "kind")
        state = orders.one_of(AccountState, request.state, "state")
        size = page_size(request.page_size)
        query = ("ListAccounts", program.name, str(kind), str(state))
        after = str(read_token(request.page_token, query, (str,))[0]) if request.page_token else ""
        found = await self._accounts.page(program, kind, state, after, size + 1)
        messages = await self._messages(program, found[:size])
        last = messages[-1].name.rpartition("/")[2] if len(found) > size else ""
        return pb.ListAccountsResponse(accounts=messages, next_page_token=write_token(query, (last,)) if last else "")

    async def _messages(self, program: Program, found: Sequence[StoredAccount]) -> list[res.Account]:
        units = {unit.number: unit.id for unit in await self._directory.units(program)}
        return [
            answers.account(one.account, units[one.account.unit], one.state, one.labels, one.credit_limit)
            for one in found
        ]

    async def update_account_labels(
        self, request: pb.UpdateAccountLabelsRequest, call: CallContext
    ) -> pb.UpdateAccountLabelsResponse:
        account = await self._directory.account(request.name)
        fingerprint = Fingerprint.of(call, request, account.program.name)
        call.replayed = await self._accounts.update_labels(fingerprint, account, dict(request.labels))
        return pb.UpdateAccountLabelsResponse(labels=request.labels)

    async def freeze_account(self, request: pb.FreezeAccountRequest, call: CallContext) -> pb.FreezeAccountResponse:
        return await self._change_state(request, pb.FreezeAccountResponse, Operation.FREEZE, call)

    async def unfreeze_account(
        self, request: pb.UnfreezeAccountRequest, call: CallContext
    ) -> pb.UnfreezeAccountResponse:
        return await self._change_state(request, pb.UnfreezeAccountResponse, Operation.UNFREEZE, call)

    async def close_account(self, request: pb.CloseAccountRequest, call: CallContext) -> pb.CloseAccountResponse:
        return await self._change_state(request, pb.CloseAccountResponse, Operation.CLOSE, call)

    async def _change_state(
        self, request: StateRequest, response: type[StateResponse], operation: Operation, call: CallContext
    ) -> StateResponse:
        account = await self._directory.account(request.name)
        fingerprint = Fingerprint.of(call, request, account.program.name)
        order = StateOrder(account, operation, call.caller.actor)
        done = await self._accounts.change_state(order, fingerprint, call.deadline)
        call.replayed = done.replayed
        [balance] = done.outcome.balances
        return response(record_time=timestamp(done.outcome.record_time), balance=answers.balance(balance))


def _order(message: res.Account, unit_id: str, id_: str, field: str) -> AccountOrder:
    if not set(message.outgoing) <= OUTGOING or len(set(message.outgoing)) < len(message.outgoing):
        raise InvalidField.of(f"{field}.outgoing", "must be SPEND, EXCHANGE, RECOGNITION, TRANSFER or MERGE, each once")
    outgoing = frozenset(map(Kind, message.outgoing))
    return AccountOrder(unit_id, _account_kind(message.kind, f"{field}.kind"), id_, message.labels, outgoing)


def _account_kind(value: int, field: str) -> AccountKind:
    try:
        return AccountKind(value)
    except ValueError as error:
        raise InvalidField.of(field, "is not a kind of account") from error
