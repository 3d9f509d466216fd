"""Read what a member can spend, and when it expires.

    python examples/read_balance.py ADDRESS programs/shop/accounts/m-42     (with the token in GUERDON_TOKEN)

Needs the package `guerdon` and nothing else of this repository. `make up` prints the ledger's address and a token.
"""

import asyncio
import os
import sys

import guerdon
from guerdon.ledger.v1.ledger_pb2 import BALANCE_VIEW_FULL, GetBalanceRequest


async def main(address: str, account: str) -> int:
    """Print the balance; return 0, or 1 where there is none to read."""
    async with guerdon.Client(address, token=os.environ["GUERDON_TOKEN"]) as client:
        try:
            answer = await client.ledger.GetBalance(GetBalanceRequest(name=account, view=BALANCE_VIEW_FULL))
        except guerdon.NotFoundError:
            print(f"{account}: no such account, or not yours to see", file=sys.stderr)
            return 1
    balance = answer.balance
    print(f"{account}: {balance.available} to spend, {balance.held} set aside, {balance.pending} to come")
    for bucket in balance.expiries:
        print(f"  {bucket.amount} expire on {bucket.expire_time.ToDatetime():%Y-%m-%d}")
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(asyncio.run(main(sys.argv[1], sys.argv[2])))
