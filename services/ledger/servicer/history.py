"""The RPCs about balances at a time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import cast

from google.protobuf.timestamp_pb2 import Timestamp

from guerdon.ledger.v1 import books_pb2, ledger_pb2, resources_pb2
from guerdon_kit.clock import Clock
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import instant
from ledger.domain.model import NEVER, Account
from ledger.operations.history import History
from ledger.store.directory import Directory
from ledger.store.history import At

_AHEAD_MAX = timedelta(seconds=1)
"""How far a caller's clock may be ahead of this worker's."""

Timed = ledger_pb2.GetBalanceRequest | books_pb2.GetTrialBalanceRequest


class HistoryRpcs:
    """Balances as they were."""

    _directory: Directory
    _history: History
    _clock: Clock

    async def get_trial_balance(
        self, request: books_pb2.GetTrialBalanceRequest, _call: CallContext
    ) -> books_pb2.GetTrialBalanceResponse:
        program = await self._directory.program(request.parent, "parent")
        found = await self._history.trial_balance(program, self._at(request))
        units = {unit.number: f"{program.name}/units/{unit.id}" for unit in await self._directory.units(program)}
        lines = [
            books_pb2.TrialBalanceLine(
                unit=units[one.unit],
                kind=cast("resources_pb2.AccountKind.ValueType", one.kind.value),
                account=f"{program.name}/accounts/{one.name}",
                posted=one.posted,
            )
            for one in found.system
        ]
        lines += [
            books_pb2.TrialBalanceLine(unit=units[unit], kind=resources_pb2.ACCOUNT_KIND_MEMBER, posted=posted)
            for unit, posted in found.members.items()
        ]
        return books_pb2.GetTrialBalanceResponse(
            lines=sorted(lines, key=lambda line: (line.unit, line.kind, line.account))
        )

    async def _balance_at(
        self, account: Account, request: ledger_pb2.GetBalanceRequest
    ) -> ledger_pb2.GetBalanceResponse:
        if request.min_version:
            raise InvalidField.of("min_version", "must not be set for a balance at a time")
        if request.view == ledger_pb2.BALANCE_VIEW_FULL:
            raise InvalidField.of("view", "must not be FULL for a balance at a time")
        at = self._at(request)
        posted, version = await self._history.balance(account, at)
        if at.effective_end_time < NEVER:
            version = 0  # what had happened by then was learnt in no order of versions
        balance = resources_pb2.Balance(account=account.name, posted=posted, version=version)
        return ledger_pb2.GetBalanceResponse(balance=balance)

    def _at(self, request: Timed) -> At:
        effective, record = NEVER, NEVER
        if request.HasField("effective_end_time"):
            effective = self._past(request.effective_end_time, "effective_end_time")
        if request.HasField("record_time"):
            record = self._past(request.record_time, "record_time")
        return At(effective, record)

    def _past(self, message: Timestamp, field: str) -> datetime:
        time = instant(message, field)
        if time > self._clock.now() + _AHEAD_MAX:
            raise InvalidField.of(field, "must not lie in the future")
        return time
