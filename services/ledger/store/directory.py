"""What never changes of programs, units and accounts, kept in memory once it was read. Bounded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from guerdon_kit.errors import InvalidField, NotFound
from guerdon_kit.names import parse
from guerdon_kit.postgres import Connection, Database, load_queries
from ledger.domain.model import Account, AccountKind, Kind, Program, Unopened
from ledger.store import rows

queries = load_queries("ledger")

ACCOUNTS_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of a program: `number` is the database's, `id` the callers'."""

    number: int
    id: str
    display_name: str
    scale: int


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account to make."""

    unit: int
    kind: AccountKind
    id: str
    labels: Mapping[str, str] = field(default_factory=dict)
    outgoing: frozenset[Kind] = frozenset()


class Directory:
    """Finds programs, units and accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._programs: dict[str, Program] = {}
        self._numbers: dict[int, Program] = {}
        self._accounts: dict[str, Account] = {}
        self._ids: dict[int, Account] = {}
        self._breakage: dict[tuple[int, int], Account] = {}
        self._redemption: dict[tuple[int, int], Account] = {}
        self.unopened: WeakValueDictionary[str, Unopened] = WeakValueDictionary()
        """The accounts, by name, that requests under way may open."""
        self.forgotten = 0
        """How often everything was forgotten."""
        database.on_new_server(self.forget)

    def forget(self) -> None:
        """Forgets everything: in a database that was put back to an earlier point it may never have been, and what
        has its number now may be another's.
        """
        for known in (self._programs, self._numbers, self._accounts, self._ids, self._breakage, self._redemption):
            known.clear()
        self.unopened.clear()
        self.forgotten += 1

    async def program(self, name: str, field: str = "name") -> Program:
        """The program of that resource name.

        Raises:
            InvalidField: the name is malformed.
            NotFound: there is none.
        """
        [id_] = parse(name, "programs/{program}", field)
        return await self.program_by_id(id_)

    async def program_by_id(self, id_: str) -> Program:
        """The program of that id. Raises NotFound."""
        known = self._programs.get(id_)
        if known is None:
            async with self._database.acquire() as connection:
                row = await queries.program_by_id(connection, id=id_)
            if row is None:
                raise NotFound(f"programs/{id_}")
            known = self._remember_program(rows.program(row))
        return known

    async def program_by_number(self, number: int, connection: Connection | None = None) -> Program:
        """The program of that number, which a row of ours holds. Whoever holds a connection passes it."""
        known = self._numbers.get(number)
        if known is None:
            async with self._reading(connection) as reading:
                row = await queries.program_by_number(reading, program=number)
            known = self._remember_program(rows.program(row))
        return known

    async def units(self, program: Program) -> Sequence[Unit]:
        """The units of a program."""
        async with self._database.acquire() as connection:
            found = [row async for row in queries.units_of(connection, program=program.number)]
        return [Unit(row["unit"], row["id"], row["display_name"], row["scale"]) for row in found]

    def known_account(self, name: str) -> Account | None:
        """The account, if it is in memory: the way of the hot path."""
        return self._accounts.get(name)

    def is_open(self, account: Unopened) -> bool:
        """Whether a batch of this process has opened the account meanwhile."""
        return account.id in self._ids

    async def account(self, name: str, field: str = "name") -> Account:
        """The account of that resource name. Raises InvalidField, NotFound."""
        known = self._accounts.get(name)
        if known is not None:
            return known
        program_id, id_ = parse(name, "programs/{program}/accounts/{account}", field)
        program = await self.program_by_id(program_id)
        found = await self.accounts(program, [id_])
        if id_ not in found:
            raise NotFound(name)
        return found[id_]

    async def accounts(self, program: Program, ids: Iterable[str]) -> dict[str, Account]:
        """Those accounts of a program that exist, by id."""
        wanted = {id_: f"programs/{program.id}/accounts/{id_}" for id_ in ids}
        found = {id_: self._accounts[name] for id_, name in wanted.items() if name in self._accounts}
        missing = [id_ for id_ in wanted if id_ not in found]
        if missing:
            async with self._database.acquire() as connection:
                async for row in queries.accounts_by_name(
                    connection, shard=program.shard, program=program.number, names=missing
                ):
                    found[row["name"]] = self._remember(rows.account(row, program))
        return found

    async def prefetch(self, names: Iterable[str]) -> None:
        """Has those of these accounts that exist in memory, with one statement for each program."""
        wanted = list(names)
        forgotten = -1
        while forgotten != self.forgotten:  # what was known before a read may be forgotten by it
            forgotten = self.forgotten
            missing: dict[str, set[str]] = {}
            for name in wanted:
                # The name of the program itself is among them, in every call.
                if name not in self._accounts and "/accounts/" in name:
                    with suppress(InvalidField):
                        program, id_ = parse(name, "programs/{program}/accounts/{account}")
                        missing.setdefault(program, set()).add(id_)
            for program, ids in missing.items():
                with suppress(NotFound):
                    await self.accounts(await self.program_by_id(program), ids)

    def learn(self, accounts: Iterable[Account], forgotten: int) -> None:
        """Has accounts in memory whose making was committed; unless all has been `forgotten` since it was begun, that
        is perhaps by a server which never had them.
        """
        if forgotten == self.forgotten:
            for account in accounts:
                self._remember(account)

    async def by_ids(self, shard: int, ids: Iterable[int], connection: Connection | None = None) -> dict[int, Account]:
        """The accounts of these ids, which rows of ours hold. Whoever holds a connection passes it."""
        wanted = set(ids)
        found = {id_: self._ids[id_] for id_ in wanted if id_ in self._ids}
        missing = wanted - found.keys()
        if missing:
            async with self._reading(connection) as reading:
                read = [row async for row in queries.accounts_by_id(reading, shard=shard, ids=list(missing))]
                for row in read:
                    account = rows.account(row, await self.program_by_number(row["program"], reading))
                    found[account.id] = self._remember(account)
        return found

    async def load_system_accounts(self, program: Program, connection: Connection | None = None) -> None:
        """Has the program's system accounts in memory, for `breakage` and `by_id`."""
        async with self._reading(connection) as reading:
            async for row in queries.system_accounts(reading, shard=program.shard, program=program.number):
                self._remember(rows.account(row, program))

    def knows_system_accounts(self, program: Program, unit: int, budgets: Iterable[int] = ()) -> bool:
        """Whether the unit's system accounts and these budgets are in memory."""
        own = (program.number, unit)
        return own in self._breakage and own in self._redemption and all(budget in self._ids for budget in budgets)

    def breakage(self, program: Program, unit: int) -> Account:
        """The BREAKAGE account of a unit, which is in memory."""
        return self._breakage[(program.number, unit)]

    def redemption(self, program: Program, unit: int) -> Account:
        """The REDEMPTION account of a unit, which is in memory."""
        return self._redemption[(program.number, unit)]

    def by_id(self, program: Program, account: int) -> Account:
        """A system account of `program`, which is in memory."""
        return self._ids[account]

    @asynccontextmanager
    async def _reading(self, connection: Connection | None) -> AsyncIterator[Connection]:
        """The connection that the caller holds, or one of the pool: a second one of its own could wait for ever."""
        if connection is not None:
            yield connection
        else:
            async with self._database.acquire() as fresh:
                yield fresh

    def _remember_program(self, program: Program) -> Program:
        self._programs[program.id] = program
        self._numbers[program.number] = program
        return program

    def _remember(self, account: Account) -> Account:
        if account.is_member and len(self._accounts) >= ACCOUNTS_MAX:
            self._forget_members()
        self._accounts[account.name] = account
        self._ids[account.id] = account
        own = (account.program.number, account.unit)
        if account.kind is AccountKind.BREAKAGE:
            self._breakage[own] = account
        elif account.kind is AccountKind.REDEMPTION:
            self._redemption[own] = account
        return account

    def _forget_members(self) -> None:
        """Drops the older half of the member accounts. System accounts stay: the rules look them up by id."""
        members = [account for account in self._accounts.values() if account.is_member]
        for account in members[: len(members) // 2]:
            del self._accounts[account.name]
            del self._ids[account.id]
