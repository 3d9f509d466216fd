"""Programs with members, and lots where a workload wants some: made before anything is measured."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator, Sequence

from google.protobuf.timestamp_pb2 import Timestamp

import guerdon
from guerdon import new_request_id
from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from guerdon_cli.bench.bed import Ledger
from guerdon_cli.bench.requests import DAY_S, UNIT

ACCOUNTS_AT_ONCE = 5_000
POSTINGS_AT_ONCE = 5_000
AT_ONCE = 2
TIMEOUT_S = 60.0
_numbers = itertools.count(1)


def open_program(ledger: Ledger, members: int, *, lots: int = 0, amount: int = 0) -> str:
    """Make a program with so many members, each with so many lots of that amount, which expire on different days.

    Answers its name. Raises guerdon.GuerdonError.
    """
    name = f"programs/bench-{next(_numbers)}"
    asyncio.run(_open(ledger, name, members, lots, amount))
    return name


async def _open(ledger: Ledger, name: str, members: int, lots: int, amount: int) -> None:
    async with guerdon.Client(ledger.target, token=ledger.bed.token, timeout_seconds=TIMEOUT_S) as client:
        program = res.Program(name=name, display_name="Bench", time_zone="Europe/London")
        await client.ledger.CreateProgram(pb.CreateProgramRequest(program=program, request_id=new_request_id()))
        unit = res.Unit(name=f"{name}/units/{UNIT}")
        await client.ledger.CreateUnit(pb.CreateUnitRequest(unit=unit, request_id=new_request_id()))
        accounts = [f"{name}/accounts/m{number}" for number in range(members)]
        for some in _chunks(accounts, ACCOUNTS_AT_ONCE):
            await client.ledger.BatchCreateAccounts(_creation(name, unit.name, some))
        if lots:
            turn = asyncio.Semaphore(AT_ONCE)
            async with asyncio.TaskGroup() as group:
                for some in _chunks(accounts, POSTINGS_AT_ONCE // lots):
                    group.create_task(_fill(client, turn, name, some, lots, amount))


def _creation(program: str, unit: str, names: Sequence[str]) -> pb.BatchCreateAccountsRequest:
    accounts = [res.Account(name=name, unit=unit, kind=res.ACCOUNT_KIND_MEMBER) for name in names]
    return pb.BatchCreateAccountsRequest(parent=program, accounts=accounts, request_id=new_request_id())


async def _fill(
    client: guerdon.Client, turn: asyncio.Semaphore, program: str, members: Sequence[str], lots: int, amount: int
) -> None:
    async with turn:
        source = f"{program}/accounts/issuance.{UNIT}"
        today = int(time.time())
        items = [
            pb.PostTransactionItem(
                transaction=res.Transaction(
                    kind=res.TRANSACTION_KIND_EARN,
                    postings=[
                        res.Posting(
                            source=source,
                            destination=member,
                            amount=amount,
                            expire_time=Timestamp(seconds=today + (365 + lot) * DAY_S),
                        )
                        for lot in range(lots)
                    ],
                ),
                request_id=new_request_id(),
            )
            for member in members
        ]
        request = pb.BatchPostTransactionsRequest(parent=program, items=items, omit_balances=True)
        answer = await client.ledger.BatchPostTransactions(request)
        assert all(result.WhichOneof("outcome") == "posted" for result in answer.results), answer.results[0]


def _chunks(values: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (values[start : start + size] for start in range(0, len(values), size))
