"""The rules that let the ledger run distributed, as far as reading its SQL can tell. Part of `make check`.

`shard` leads every key of a distributed table and never changes, every statement on such tables names one shard as a
scalar, rows are locked shard by shard, nothing volatile decides an update, and duplicates are found by
`on conflict do nothing`, never by catching a unique violation.
"""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import pytest

LEDGER = Path(str(resources.files("ledger")))
ACROSS_SHARDS = frozenset({"verify.sealed_shards"})
"""Which shards have a chain is asked by an audit alone, and nothing is decided by it."""
REFERENCE = frozenset({"programs", "units", "cache_generation", "cache_workers"})
"""Small and shared: copied to every node."""

VOLATILE = re.compile(
    r"\b(now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday|random|gen_random_uuid|uuidv4|uuidv7"
    r"|nextval|current_timestamp|localtimestamp)\b"
)
TABLE = re.compile(r"create table (\w+) \((.*?)\n\)( with [^;]*)?;", re.DOTALL)
KEY = re.compile(r"\b(primary key|unique|foreign key|references \w+)\s*\(([^)]*)\)")
LOCK = re.compile(r"\bfor (no key )?(update|share)\b|\bfor key share\b")
USE = re.compile(
    r"\b(?:from|join|into|update|using|table)\s+(?:only\s+)?(\w+)(?:\s+(?:as\s+)?(?!where|set|on|join)(\w+))?"
)


def plain(sql: str) -> str:
    """SQL in lower case, without comments, function bodies and strings."""
    sql = re.sub(r"--[^\n]*", "", sql)
    sql = re.sub(r"\$\$.*?\$\$", "''", sql, flags=re.DOTALL)
    return re.sub(r"'[^']*'", "''", sql).lower()


def distributed(migration: str) -> frozenset[str]:
    return frozenset(name for name, *_ in TABLE.findall(plain(migration))) - REFERENCE


def broken_keys(migration: str) -> list[str]:
    """What is wrong with the keys of a migration."""
    found = []
    sql = plain(migration)
    for name, body, _ in TABLE.findall(sql):
        if name in REFERENCE:
            continue
        if not re.search(r"^\s*shard int (not null|primary key)", body, re.MULTILINE):
            found.append(f"{name}: has no column shard int not null")
        keys = [(kind, columns) for kind, columns in KEY.findall(body)]
        if not any(kind == "primary key" for kind, _ in keys) and "shard int primary key" not in body:
            found.append(f"{name}: has no primary key")
        found += [f"{name}: {kind} ({columns})" for kind, columns in keys if _first(columns) != "shard"]
        columns = [line.strip() for line in body.splitlines() if re.match(r"\s*\w+ \w", line)]
        found += [
            f"{name}: {column}"
            for column in columns
            if re.search(r"\b(primary key|unique|references)\b(?!\s*\()", column)
            and not column.startswith(("shard ", "primary key", "unique", "foreign key", "check"))
        ]
    for name, columns in re.findall(r"create unique index (?:\w+ )?on (\w+)(?: using \w+)? \(([^)]*)\)", sql):
        if name not in REFERENCE and _first(columns) != "shard":
            found.append(f"{name}: unique index ({columns})")
    if re.search(r"\bdeferrable\b|\bdeferred\b", sql):
        found.append("a deferred constraint")
    return found


def _first(columns: str) -> str:
    return columns.split(",", maxsplit=1)[0].strip()


def statements(sql: str) -> dict[str, str]:
    """The named statements of a .sql file, plain."""
    parts = re.split(r"^-- name: (\S+)$", sql, flags=re.MULTILINE)
    return {name: plain(body) for name, body in zip(parts[1::2], parts[2::2], strict=True)}


def selects(sql: str) -> list[str]:
    """A statement cut into its selects: each without those that it contains or is united with."""
    found: list[str] = []
    nested = r"\(\s*((?:select|with)\b[^()]*(?:\((?!\s*(?:select|with)\b)[^()]*\)[^()]*)*)\)"
    while (inner := re.search(nested, sql)) is not None:
        found += inner.group(1).split("union all")
        sql = sql[: inner.start()] + " () " + sql[inner.end() :]
    while (group := re.search(r"\(([^()]*(?:\(\)[^()]*)*)\)", sql)) is not None and "union all" in group.group(1):
        sql = sql[: group.start()] + group.group(1) + sql[group.end() :]
    return found + sql.split("union all")


def broken_updates(sql: str) -> list[str]:
    """What is wrong with what a plain statement changes."""
    found = []
    if re.search(r"\bmerge\s+into\b|\bset\s+constraints\b|\bon conflict on constraint\b", sql):
        found.append("merge, a deferred constraint or a constraint's name")
    if re.search(r"\bupdate\b", LOCK.sub("", sql)) and VOLATILE.search(sql):
        found.append("a volatile function decides an update")
    changes = re.findall(r"\bset\b(.*?)(?:\bfrom\b|\bwhere\b|\breturning\b|;|$)", sql, re.DOTALL)
    if any(re.search(r"(?<![\w.])shard\s*=", change) for change in changes):
        found.append("moves a row to another shard")
    return found


def broken_select(sql: str, tables: frozenset[str]) -> list[str]:
    """What is wrong with where one plain select, or one change, looks."""
    lists = re.findall(r"\bfrom\b(.*?)(?:\bwhere\b|\border by\b|\bgroup by\b|;|$)", sql, re.DOTALL)
    further = [use for one in lists for use in re.findall(r",\s*(\w+)(?:\s+(?:as\s+)?(?!where|on|join)(\w+))?", one)]
    used = [(table, alias or table) for table, alias in [*USE.findall(sql), *further] if table in tables]
    held = set(re.findall(r"(?:\b(\w+)\.)?\bshard\s*=\s*:shard\b(?!\s*\[)", sql))
    for pair in re.findall(r"\b(\w+)\.shard\s*=\s*(\w+)\.shard\b", sql) * 2:
        if held.intersection(pair):
            held |= set(pair)
    if re.search(r"\binsert into \w+\b.*[(\s]:shard(::int)?\s*[,)]", sql, re.DOTALL):
        held |= {alias for table, alias in used if re.search(rf"\binsert into {table}\b", sql)}
    bare = "" in held and len(used) == 1
    found = [f"{table} ({alias}) is not held to one shard" for table, alias in used if not bare and alias not in held]
    if re.search(r"\bshard\s*(=\s*any|in\s*\()", sql):
        found.append("names several shards")
    return found


def broken_rules(sql: str, tables: frozenset[str]) -> list[str]:
    """What is wrong with one plain statement. `tables` are the distributed ones."""
    return broken_updates(sql) + [what for part in selects(sql) for what in broken_select(part, tables)]


MIGRATIONS = sorted((LEDGER / "migrations").glob("*.sql"))
TABLES = frozenset[str]().union(*(distributed(path.read_text(encoding="utf-8")) for path in MIGRATIONS))
STATEMENTS = {
    f"{path.stem}.{name}": sql
    for path in sorted((LEDGER / "store").glob("*.sql"))
    for name, sql in statements(path.read_text(encoding="utf-8")).items()
}


@pytest.mark.parametrize("path", MIGRATIONS, ids=lambda path: path.stem)
def test_shard_leads_every_key(path: Path) -> None:
    assert broken_keys(path.read_text(encoding="utf-8")) == []


def test_the_tables_are_found() -> None:
    expected = {"accounts", "transactions", "postings", "account_events", "lots", "holds", "ledger_requests"}
    assert expected <= TABLES
    assert not TABLES & REFERENCE
    assert len(STATEMENTS) > 30


@pytest.mark.parametrize("name", sorted(STATEMENTS.keys() - ACROSS_SHARDS))
def test_a_statement_keeps_to_one_shard(name: str) -> None:
    assert broken_rules(STATEMENTS[name], TABLES) == []


def inside(migration: str) -> dict[str, list[str]]:
    """The statements of a migration's functions that have a shard, plain, with what the function is given in place of
    what a statement is.
    """
    functions = re.findall(r"create function (\w+)\((.*?)\$\$(.*?)\$\$", migration, flags=re.DOTALL)
    return {
        name: [
            re.sub(r"\bin_(\w+)", r":\1", one).partition(" then\n")[2] or re.sub(r"\bin_(\w+)", r":\1", one)
            for one in plain(body).split(";")
        ]
        for name, parameters, body in functions
        if "in_shard int" in parameters
    }


FUNCTIONS = {name: found for path in MIGRATIONS for name, found in inside(path.read_text(encoding="utf-8")).items()}


def test_the_functions_are_found() -> None:
    assert set(FUNCTIONS) == {"write_batch"}
    found = " ".join(FUNCTIONS["write_batch"])
    assert len(re.findall(r"\binsert into\b", found)) == 6
    assert len(re.findall(r"\bupdate \w+ \w+\s+set\b", found)) == 3


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_what_a_function_does_keeps_to_one_shard(name: str) -> None:
    assert [what for one in FUNCTIONS[name] for what in broken_rules(one, TABLES)] == []


def test_a_function_that_strays_is_found() -> None:
    bad = """
create function stray(in_shard int, in_ids bigint[]) returns void language plpgsql as
$$
begin
    if cardinality(in_ids) > 0 then
        update lots l set open = 0 from unnest(in_ids) as n where l.id = n;
    end if;
end
$$;
"""
    [found] = inside(bad).values()
    assert [what for one in found for what in broken_rules(one, TABLES)]


def test_duplicates_are_found_without_an_exception() -> None:
    for path in LEDGER.rglob("*.py"):
        code = path.read_text(encoding="utf-8")
        found = re.search(
            r"UniqueViolation|ForeignKeyViolation|IntegrityConstraint|\b2350[0-9]\b|constraint_name", code
        )
        assert found is None, f"{path.name}: {found}"
    inserts = {name for name, sql in STATEMENTS.items() if "insert into" in sql}
    assert inserts
    for name in inserts:
        assert re.search(r"\bon conflict\b.*\bdo (nothing|update)\b", STATEMENTS[name], re.DOTALL), name


def test_no_sql_hides_in_the_code() -> None:
    statement = re.compile(r"\"\s*(select|insert into|update|delete from|with|merge) [^\"]*\bshard\b", re.IGNORECASE)
    for path in LEDGER.rglob("*.py"):
        assert statement.search(path.read_text(encoding="utf-8")) is None, path.name


TABLE_BEFORE = "create table {name} (\n    shard int not null,\n    id bigint not null,\n    {key}\n);\n"


@pytest.mark.parametrize(
    "bad",
    [
        TABLE_BEFORE.format(name="lots", key="primary key (id)"),
        TABLE_BEFORE.format(name="lots", key="primary key (id, shard)"),
        TABLE_BEFORE.format(name="lots", key="primary key (shard, id),\n    unique (name)"),
        TABLE_BEFORE.format(name="lots", key="primary key (shard, id),\n    name text unique"),
        TABLE_BEFORE.format(name="lots", key="primary key (shard, id),\n    posting bigint references postings"),
        TABLE_BEFORE.format(
            name="lots", key="primary key (shard, id),\n    foreign key (posting) references postings (id)"
        ),
        TABLE_BEFORE.format(name="lots", key="primary key (shard, id),\n    unique (shard, name) deferrable"),
        TABLE_BEFORE.format(name="lots", key="name text"),
        TABLE_BEFORE.format(name="lots", key="primary key (shard, id)") + "create unique index on lots (name);",
        "create table lots (\n    id bigint primary key\n);\n",
    ],
)
def test_a_bad_key_is_refused(bad: str) -> None:
    assert broken_keys(bad)


def test_a_good_key_is_not() -> None:
    good = TABLE_BEFORE.format(name="lots", key="primary key (shard, id),\n    unique (shard, name)")
    assert broken_keys(good + "create index on lots (posting);") == []


@pytest.mark.parametrize(
    "bad",
    [
        "select * from lots where id = any(:ids)",
        "select * from lots where shard = any(:shards) and id = :id",
        "select * from lots where shard in (1, 2)",
        "select * from lots l join holds h on h.id = l.id where l.shard = :shard",
        "select * from accounts where id = :id for no key update",
        "update lots set open = 0 where id = :id",
        "update lots set record_time = now() where shard = :shard",
        "update lots set open = 0 where shard = :shard and expire_time < clock_timestamp()",
        "update lots set id = nextval('ledger_ids') where shard = :shard",
        "update lots set shard = 2 where shard = :shard and id = :id",
        "delete from ledger_requests where key = :key",
        "delete from ledger_requests where shard = :shard and key in (select key from lots l where l.shard = 2)",
        "select (select max(id) from lots) from accounts where shard = :shard",
        "select id from lots where shard = :shard union all select id from holds",
        "select id from lots l, holds h where l.shard = :shard and h.shard = l.id",
        "insert into lots (id, open) values (:id, :open) on conflict do nothing",
        "merge into lots using holds on true when matched then delete",
        "insert into lots (shard) values (:shard, 1) on conflict on constraint lots_pkey do nothing",
        "insert into checkpoints (shard) select :shard::int, 1 on conflict (shard) do update set posted = random()",
    ],
)
def test_a_bad_statement_is_refused(bad: str) -> None:
    tables = frozenset({"lots", "holds", "accounts", "ledger_requests", "checkpoints"})
    assert broken_rules(plain(bad), tables)


@pytest.mark.parametrize(
    "good",
    [
        "select id from lots where shard = :shard and id = any(:ids::bigint[]) order by id for no key update",
        "select * from lots l join holds h on h.shard = l.shard and h.id = l.id where l.shard = :shard",
        "select * from programs where id = :id",
        "insert into lots (shard, id) values (:shard, :id) on conflict do nothing",
        "select clock_timestamp(), nextval('ledger_ids')",
    ],
)
def test_a_good_statement_is_not(good: str) -> None:
    assert broken_rules(plain(good), frozenset({"lots", "holds"})) == []
