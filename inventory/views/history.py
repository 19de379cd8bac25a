"""Versions: what was so, from when until when."""

from sqlalchemy import CompoundSelect, Select, null, select, type_coerce, union_all
from sqlalchemy.dialects import postgresql, sqlite

from inventory.dialects import Dialect
from inventory.models import CONNECTORS, VERSIONED, Versioned
from inventory.views.view import TIME, YES_NO, Named, View, of_table

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


def _history_mode(sql: Dialect) -> str:
    """Grain: one row per version of a connector."""
    tracked = ", ".join(CONNECTORS.tracked)
    end = "'9999-12-31 23:59:59.999999+00:00'"
    return f"""
select connector_id, valid_from as _fivetran_start,
  case when valid_to is null then {end} else {sql.just_before("valid_to")} end as _fivetran_end,
  valid_to is null as _fivetran_active,
  {tracked}
from connector_history"""


HISTORIES = tuple(_history(versioned) for versioned in VERSIONED)
CONNECTOR_HISTORY_MODE = View(
    "connector_history_mode",
    "One row per version of a connector, in the columns of the vendor's history mode",
    of_table("connector_id")
    | {
        "_fivetran_start": Named(TIME, "When the version began (UTC)"),
        "_fivetran_end": Named(
            TIME, "The last microsecond of the version (UTC); the year 9999 where it is so now"
        ),
        "_fivetran_active": Named(YES_NO, "Whether it is so now"),
    }
    | of_table(*CONNECTORS.tracked),
    _history_mode,
)
