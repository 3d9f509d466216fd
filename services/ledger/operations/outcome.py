"""The outcome of a write: what its caller is answered, now and when the same request comes again."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from ledger.domain.model import NEVER, Account, AccountState, Balance, HoldState

_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_HEAD = struct.Struct("<qqqqqB")
_BALANCE = struct.Struct("<q9qB")
_HEAD_AND_BALANCE = struct.Struct("<qqqqqBq9qB")


class Outcome(NamedTuple):
    """Names, times and numbers. What a hold or transaction says besides never changes, and is read from its row."""

    record_time: datetime
    balances: tuple[Balance, ...] = ()
    transaction: int = 0
    hold: int = 0
    hold_state: HoldState = HoldState.ACTIVE
    captured: int = 0
    amount: int = 0
    """How many points were reversed, or were in the lots that were updated."""

    def encode(self) -> bytes:
        """As it is kept: 41 bytes, and 81 for each balance."""
        head = (_micros(self.record_time), self.transaction, self.hold, self.captured, self.amount, self.hold_state)
        if len(self.balances) == 1:  # nearly always, and thousands at once
            return _HEAD_AND_BALANCE.pack(*head, *_fields(self.balances[0]))
        return _HEAD.pack(*head) + b"".join([_BALANCE.pack(*_fields(balance)) for balance in self.balances])


def account_ids(data: bytes) -> Iterable[int]:
    """The accounts of which an encoded outcome has the balances."""
    return [fields[0] for fields in _BALANCE.iter_unpack(data[_HEAD.size :])]


def decode(data: bytes, accounts: Mapping[int, Account]) -> Outcome:
    """The outcome that was kept; `accounts` has at least those of `account_ids`."""
    time, transaction, hold, captured, amount, state = _HEAD.unpack_from(data)
    balances = tuple(_decoded(fields, accounts) for fields in _BALANCE.iter_unpack(data[_HEAD.size :]))
    return Outcome(_time(time), balances, transaction, hold, HoldState(state), captured, amount)


def _decoded(fields: tuple[int, ...], accounts: Mapping[int, Account]) -> Balance:
    id_, posted, held, pending, debt, available, earned, spent, version, valid_until, state = fields
    until = _time(valid_until)
    return Balance(
        accounts[id_], posted, held, pending, debt, available, earned, spent, version, until, AccountState(state)
    )


def _fields(balance: Balance) -> tuple[int, ...]:
    account, posted, held, pending, debt, available, earned, spent, version, until, state = balance
    return (account.id, posted, held, pending, debt, available, earned, spent, version, _micros(until), state)


def _micros(time: datetime) -> int:
    return 2**62 if time is NEVER or time == NEVER else (time - _EPOCH) // _MICROSECOND


def _time(micros: int) -> datetime:
    return NEVER if micros == 2**62 else _EPOCH + micros * _MICROSECOND
