"""The ledger's RPCs about accounts."""

from __future__ import annotations

from typing import TypeVar

from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from ledger.domain.lifecycle import StateOrder
from ledger.domain.model import AccountKind, AccountState
from ledger.domain.states import Operation
from ledger.operations.accounts import Accounts
from ledger.operations.programs import Programs
from ledger.servicer import answers
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
            fingerprint, program, unit_id, _account_kind(message.kind, "account.kind"), id_
        )
        call.replayed = replayed
        return pb.CreateAccountResponse(account=answers.account(made, unit_id, AccountState.OPEN))

    async def batch_create_accounts(
        self, request: pb.BatchCreateAccountsRequest, call: CallContext
    ) -> pb.BatchCreateAccountsResponse:
        program = await self._directory.program(request.parent, "parent")
        if len(request.accounts) > ITEMS_MAX:
            raise InvalidField.of("accounts", f"must be 1 to {ITEMS_MAX}")
        wanted: list[tuple[str, AccountKind, str]] = []
        for index, message in enumerate(request.accounts):
            field = f"accounts[{index}]"
            program_id, id_ = parse(message.name, "programs/{program}/accounts/{account}", f"{field}.name")
            unit_program, unit_id = parse(message.unit, "programs/{program}/units/{unit}", f"{field}.unit")
            if program_id != program.id or unit_program != program.id:
                raise InvalidField.of(f"{field}.name", f"must be of {program.name}, as its unit")
            wanted.append((unit_id, _account_kind(message.kind, f"{field}.kind"), id_))
        fingerprint = Fingerprint.of(call, request, program.name)
        count, call.replayed = await self._programs.create_accounts(fingerprint, program, wanted)
        return pb.BatchCreateAccountsResponse(created_count=count)

    async def get_account(self, request: pb.GetAccountRequest, _call: CallContext) -> pb.GetAccountResponse:
        account = await self._directory.account(request.name)
        units = {unit.number: unit.id for unit in await self._directory.units(account.program)}
        state = await self._accounts.state(account)
        return pb.GetAccountResponse(account=answers.account(account, units[account.unit], state))

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


def _account_kind(value: int, field: str) -> AccountKind:
    try:
        return AccountKind(value)
    except ValueError as error:
        raise InvalidField.of(field, "is not a kind of account") from error
