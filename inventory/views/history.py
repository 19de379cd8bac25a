"""Versions: what was so, from when until when."""

from sqlalchemy import CompoundSelect, Select, null, select, type_coerce, union_all
from sqlalchemy.dialects import postgresql, sqlite

from inventory.dialects import Dialect
from inventory.models import CONNECTORS, VERSIONED, Versioned
from inventory.views.view import TIME, Named, View

_NOW_TOO = "; null = it is so now"
_COMPILERS = {"postgresql": postgresql.dialect, "sqlite": sqlite.dialect}


def _history(versioned: Versioned) -> View:
    current, past = versioned.current, versioned.past
    names = (*versioned.key, *versioned.tracked, *versioned.kept, "valid_from", "changed_after")
    columns = {name: Named(past.c[name].type, past.c[name].comment or "") for name in names}
    return View(
        versioned.history,
        f"One row per version of a row of {current.name}; valid_to null = it is so now",
        columns | {"valid_to": Named(TIME, f"{past.c.valid_to.comment}{_NOW_TOO}")},
        lambda sql: _versions(sql, versioned, names),
    )


def _versions(sql: Dialect, versioned: Versioned, names: tuple[str, ...]) -> str:
    """Grain: one row per version, past and open ones together; the open one's valid_to is null."""
    past, current = versioned.past, versioned.current
    valid_to = past.c.valid_to
    open_rows: Select[tuple[object, ...]] = select(
        *(current.c[name] for name in names), type_coerce(null(), valid_to.type).label("valid_to")
    )
    if versioned is CONNECTORS:
        # A removed connector keeps its row, but the version in it has ended.
        open_rows = open_rows.where(current.c.removed_at.is_(None))
    statement: CompoundSelect[tuple[object, ...]] = union_all(
        select(*(past.c[name] for name in names), valid_to), open_rows
    )
    return str(
        statement.compile(dialect=_COMPILERS[sql.name](), compile_kwargs={"literal_binds": True})
    )


HISTORIES = tuple(_history(versioned) for versioned in VERSIONED)
