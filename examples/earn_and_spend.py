"""Make a program, let a member earn, spend twice, and see a refusal that says by how much.

    python examples/earn_and_spend.py ADDRESS     (with the token in GUERDON_TOKEN)

Needs the package `guerdon` and nothing else of this repository. `make up` prints the ledger's address and a token.
"""

import asyncio
import os
import sys

import guerdon
from guerdon.ledger.v1.ledger_pb2 import (
    CreateAccountRequest,
    CreateProgramRequest,
    CreateUnitRequest,
    PostTransactionRequest,
)
from guerdon.ledger.v1.resources_pb2 import (
    ACCOUNT_KIND_MEMBER,
    TRANSACTION_KIND_EARN,
    TRANSACTION_KIND_SPEND,
    Account,
    Posting,
    Program,
    Transaction,
    TransactionKind,
    Unit,
)


class Shop:
    """One program with one unit, `points`, and one member."""

    def __init__(self, client: guerdon.Client, program: str) -> None:
        self.ledger = client.ledger
        self.program = program
        self.member = f"{program}/accounts/ada"

    async def open(self) -> None:
        """Make the program, its points, and the member's account."""
        unit = f"{self.program}/units/points"
        program = Program(name=self.program, display_name="Example shop", time_zone="Europe/London")
        await self.ledger.CreateProgram(CreateProgramRequest(program=program, request_id=guerdon.new_request_id()))
        await self.ledger.CreateUnit(CreateUnitRequest(unit=Unit(name=unit), request_id=guerdon.new_request_id()))
        account = Account(name=self.member, unit=unit, kind=ACCOUNT_KIND_MEMBER)
        await self.ledger.CreateAccount(CreateAccountRequest(account=account, request_id=guerdon.new_request_id()))

    async def earn(self, amount: int) -> int:
        """Give points to the member; return what the member can spend then."""
        return await self._post(TRANSACTION_KIND_EARN, self._system("issuance"), self.member, amount)

    async def spend(self, amount: int) -> int:
        """Take points from the member; return what the member can spend then."""
        return await self._post(TRANSACTION_KIND_SPEND, self.member, self._system("redemption"), amount)

    def _system(self, kind: str) -> str:
        return f"{self.program}/accounts/{kind}.points"

    async def _post(self, kind: TransactionKind.ValueType, source: str, destination: str, amount: int) -> int:
        posting = Posting(source=source, destination=destination, amount=amount)
        request = PostTransactionRequest(
            parent=self.program,
            transaction=Transaction(kind=kind, postings=[posting]),
            request_id=guerdon.new_request_id(),
        )
        try:
            answer = await self.ledger.PostTransaction(request)
        except guerdon.UnavailableError:
            # Nobody knows whether it was posted. The same request_id makes asking again safe.
            answer = await self.ledger.PostTransaction(request)
        return answer.balances[0].available


async def main(address: str) -> None:
    """Run the example against the ledger at `address`."""
    async with guerdon.Client(address, token=os.environ["GUERDON_TOKEN"]) as client:
        shop = Shop(client, f"programs/example-{guerdon.new_request_id()[:8]}")
        await shop.open()
        print(shop.member)
        print(f"earned 100: {await shop.earn(100)} to spend")
        print(f"spent 70: {await shop.spend(70)} to spend")
        try:
            await shop.spend(70)
        except guerdon.RefusedError as refusal:
            print(f"spending 70 more: {refusal.reason}, {refusal.metadata['missing']} points missing")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    asyncio.run(main(sys.argv[1]))
