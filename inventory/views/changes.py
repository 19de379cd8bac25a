"""Changes: what became of what, and between which runs.

A change is found by the instant at which the version before it ended, for which there is an index;
what is new has none before it, and is found by its own beginning.
"""

from collections.abc import Iterator

from inventory.columns import Json, UtcDateTime
from inventory.dialects import Dialect
from inventory.models import CONNECTOR_STATUS, CONNECTORS, SETUP_TESTS, TASKS, WARNINGS, Versioned
from inventory.views.view import IDENTITY, TEXT, TIME, Named, View, identity


def _row(
    sql: Dialect,
    of: Versioned,
    kind: str,
    *,
    at: str,
    after: str = "",
    field: str = "cast(null as text)",
    old: str = "cast(null as text)",
    new: str = "cast(null as text)",
    rest: str,
) -> str:
    """One branch of the answer; `rest` begins with what `connectors c` is joined to."""
    last_look = f"""(
    select max(r.observed_at) from sync_runs r
    where r.account_id = c.account_id and r.observed_at < {at})"""
    return f"""
select {identity("c")}, {after or last_look} as changed_after, {at} as changed_at,
  '{of.current.name}' as table_name, {field} as field, {old} as old_value, {new} as new_value,
  '{kind}' as kind
from connectors c
{rest}"""


def _successions(of: Versioned) -> Iterator[str]:
    """Joins of a version b and the one a that touches it, in the past or open."""
    same = " and ".join(f"a.{name} = b.{name}" for name in of.key)
    # A removed connector's row keeps a version that stands in the past, too.
    there = " and c.removed_at is null" if of is CONNECTORS else ""
    for later, condition in ((of.past.name, ""), (of.current.name, there)):
        yield f"""join {of.past.name} b on b.connector_id = c.connector_id
join {later} a on {same} and a.valid_from = b.valid_to{condition}"""


def _as_text(sql: Dialect, of: Versioned, name: str, alias: str) -> str:
    column = f"{alias}.{name}"
    if isinstance(of.current.c[name].type, UtcDateTime):
        return sql.shown(column, seconds=True)
    if of.current.c[name].type.python_type is bool:
        return f"case when {column} then 'true' when not {column} then 'false' end"
    return f"cast({column} as text)"


def _fields(names: list[str]) -> str:
    """A row for each name: one pass over the versions serves all their columns."""
    rows = " union all select ".join(f"'{name}'" for name in names[1:])
    return f"(select '{names[0]}' as name{' union all select ' if rows else ''}{rows}) f"


def _changed(sql: Dialect, of: Versioned) -> Iterator[str]:
    """Columns that differ between two versions; of JSON, the leaves that do."""
    documents = [name for name in of.tracked if isinstance(of.current.c[name].type, Json)]
    plain = [name for name in of.tracked if name not in documents]
    of_what = "a.title || ': ' || " if of is SETUP_TESTS else ""

    def chosen(names: list[str], alias: str, *, as_text: bool) -> str:
        arms = "".join(
            f"\n    when '{name}' then "
            + (_as_text(sql, of, name, alias) if as_text else f"{alias}.{name}")
            for name in names
        )
        return f"case f.name{arms} end"

    old, new = (chosen(plain, alias, as_text=True) for alias in "ba")
    facts = {"at": "b.valid_to", "after": "a.changed_after"}
    for succession in _successions(of):
        yield _row(
            sql,
            of,
            "changed",
            **facts,
            field=f"{of_what}f.name",
            old=old,
            new=new,
            rest=f"{succession}\ncross join {_fields(plain)}\nwhere {old} {sql.differs} {new}",
        )
        before, after = (chosen(documents, alias, as_text=False) for alias in "ba")
        for leaves in sql.leaves_that_differ(before, after):
            yield _row(
                sql,
                of,
                "changed",
                **facts,
                field=f"{of_what}f.name || {leaves.path}",
                old=leaves.old,
                new=leaves.new,
                rest=f"{succession}\ncross join {_fields(documents)}\n{leaves.joins}"
                f"\nwhere {before} {sql.differs} {after} and {leaves.differ}",
            )


def _begun(sql: Dialect, of: Versioned, kind: str, field: str, new: str) -> Iterator[str]:
    """Versions that none touches from before."""
    same = " and ".join(f"b.{name} = a.{name}" for name in of.key)
    for table in (of.past.name, of.current.name):
        yield _row(
            sql,
            of,
            kind,
            at="a.valid_from",
            after="a.changed_after",
            field=field,
            new=new,
            rest=f"""join {table} a on a.connector_id = c.connector_id
where not exists (
  select 1 from {of.past.name} b where {same} and b.valid_to = a.valid_from
)""",
        )


def _ended(sql: Dialect, of: Versioned, kind: str, field: str, old: str, new: str = "") -> str:
    """Versions that none touches from behind."""
    same = " and ".join(f"a.{name} = b.{name}" for name in of.key)
    return _row(
        sql,
        of,
        kind,
        at="b.valid_to",
        field=field,
        old=old,
        new=new or "cast(null as text)",
        rest=f"""join {of.past.name} b on b.connector_id = c.connector_id
where not exists (
  select 1 from {of.past.name} a where {same} and a.valid_from = b.valid_to
) and not exists (
  select 1 from {of.current.name} a where {same} and a.valid_from = b.valid_to
)""",
    )


def _came_and_went(sql: Dialect) -> Iterator[str]:
    """Connectors as a whole."""
    nothing = "cast(null as text)"
    first = """coalesce((
    select p.changed_after from connectors_past p
    where p.connector_id = c.connector_id and p.valid_from = c.first_seen_at
  ), case when c.valid_from = c.first_seen_at then c.changed_after end)"""
    yield _row(sql, CONNECTORS, "created", at="c.first_seen_at", after=first, rest="")
    # Of what was pruned nobody can tell whether it touched.
    had_gone = """exists (
  select 1 from connectors_past b
  where b.connector_id = a.connector_id and b.valid_from < a.valid_from
)"""
    was, is_ = _begun(sql, CONNECTORS, "returned", nothing, nothing)
    yield f"{was} and {had_gone}"
    yield f"{is_} and {had_gone} and c.removed_at is null"
    reason = "case when c.removed_at = b.valid_to then c.removed_reason end"
    yield _ended(sql, CONNECTORS, "removed", nothing, nothing, reason)


def _statement(sql: Dialect) -> str:
    """Grain: one row per field that changed, per alert that came or went, per coming and going."""
    branches = [
        *_came_and_went(sql),
        *_changed(sql, CONNECTORS),
        *_changed(sql, CONNECTOR_STATUS),
        *_begun(sql, SETUP_TESTS, "created", "a.title", "a.status"),
        *_changed(sql, SETUP_TESTS),
        _ended(sql, SETUP_TESTS, "removed", "b.title", "b.status"),
    ]
    for alerts in (WARNINGS, TASKS):
        branches += _begun(sql, alerts, "raised", "a.code", "a.message")
        branches.append(_ended(sql, alerts, "cleared", "b.code", "b.message"))
    return "\nunion all".join(branches)


STATE_CHANGES = View(
    "state_changes",
    "One row per field that changed, per alert that came or went, per connector that did",
    IDENTITY
    | {
        "changed_after": Named(
            TIME, "The last complete run before: it changed after that (UTC); null = none"
        ),
        "changed_at": Named(TIME, "The run that saw it (UTC)"),
        "table_name": Named(TEXT, "Of which table's row"),
        "field": Named(
            TEXT, "The column; in JSON with the path, as in config.host; an alert's code"
        ),
        "old_value": Named(TEXT, "What it was; null = nothing, or not shown"),
        "new_value": Named(TEXT, "What it became; of the last removal, the reason"),
        "kind": Named(TEXT, "created, changed, removed, returned; of an alert: raised, cleared"),
    },
    _statement,
)
