"""The money of partners, and of the operator: what they paid in, and what settlements brought them."""

from __future__ import annotations

from dataclasses import dataclass

from guerdon_kit.clock import Clock
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import Remote
from guerdon_kit.postgres import Connection, Database, requests
from partner_exchange.clients.treasury import Treasury
from partner_exchange.domain.errors import InsufficientFunds, SettlementRefused
from partner_exchange.domain.partners import Coalition
from partner_exchange.domain.settlement import Refused
from partner_exchange.domain.windows import AMOUNT_MAX, HUB, Party
from partner_exchange.operations.asking import Asking, recorded
from partner_exchange.store import partners, settlement

REFERENCE_LENGTH_MAX = 100


@dataclass(frozen=True, slots=True)
class Funds:
    """What a party has, in minor units of the coalition's currency."""

    party: Party
    available: int
    currency: str


@dataclass(frozen=True)
class SettlementAccounts:
    """Settlement accounts."""

    database: Database
    ledger: Remote
    clock: Clock

    async def deposit(self, asking: Asking, party: Party, amount: int, reference: str) -> tuple[Funds, bool]:
        """Books money that the operator's bank got from a party; a settlement that waits for it goes on.

        Raises:
            NotFound: there is no such partner, or coalition.
            InvalidField: the amount or the reference is out of bounds.
            OutcomeUnknown: the ledger did not answer; send the same request again.
        """
        _check(amount, reference)
        coalition = await self._coalition(party)
        answer = await self._book(asking, coalition, party, amount, reference)

        async def nudge(connection: Connection) -> None:
            await settlement.nudge(connection, coalition.coalition_id, self.clock.now())

        await self.database.run(nudge, repeatable=True)
        return answer

    async def withdraw(self, asking: Asking, party: Party, amount: int, reference: str) -> tuple[Funds, bool]:
        """Books money that the operator's bank pays to a party.

        Raises:
            InsufficientFunds: the account has less.
            NotFound, InvalidField, OutcomeUnknown: as `deposit`.
        """
        _check(amount, reference)
        return await self._book(asking, await self._coalition(party), party, -amount, reference)

    async def get(self, asking_actor: str, party: Party, until: float) -> Funds:
        """What a party has.

        Raises:
            NotFound: there is no such partner, or coalition.
            OutcomeUnknown: the ledger did not answer.
        """
        coalition = await self._coalition(party)
        treasury = Treasury(self.ledger, coalition, asking_actor, until)
        await treasury.open_accounts([party.party_id])
        return Funds(party, await treasury.available(party.party_id), coalition.currency)

    async def _book(
        self, asking: Asking, coalition: Coalition, party: Party, amount: int, reference: str
    ) -> tuple[Funds, bool]:
        replayed = await recorded(self.database, asking) is not None
        if not replayed:
            treasury = Treasury(self.ledger, coalition, asking.actor, asking.until)
            await treasury.open_accounts([party.party_id])
            move, request_id = (treasury.deposit, "deposit") if amount > 0 else (treasury.withdraw, "withdraw")
            request_id = f"{request_id}-{asking.fingerprint.key.hex()[:32]}"
            answer = await move(party.party_id, abs(amount), request_id, reference)

            async def keep(_: Connection) -> bytes:
                if isinstance(answer, Refused):
                    raise _refusal(answer, party)
                return answer.encode()

            _, replayed = await requests.once(self.database, asking.fingerprint, keep)
        return await self.get(asking.actor, party, asking.until), replayed

    async def _coalition(self, party: Party) -> Coalition:
        async with self.database.acquire() as connection:
            if party.party_id == HUB:
                return await partners.coalition(connection, party.coalition_id)
            partner = await partners.get(connection, party.party_id)
            return await partners.coalition(connection, partner.profile.coalition_id)


def _check(amount: int, reference: str) -> None:
    if not 1 <= amount <= AMOUNT_MAX:
        raise InvalidField.of("amount", f"must be 1 to {AMOUNT_MAX}")
    if not 1 <= len(reference) <= REFERENCE_LENGTH_MAX or not reference.isprintable():
        raise InvalidField.of("reference", f"must be 1 to {REFERENCE_LENGTH_MAX} printable characters")


def _refusal(refused: Refused, party: Party) -> InsufficientFunds | SettlementRefused:
    if refused.lasting:
        return InsufficientFunds(
            **{key: refused.metadata.get(key, "?") for key in ("required", "available", "missing")}
        )
    return SettlementRefused(window="the account", partner=party.name, ledger_reason=refused.reason)
