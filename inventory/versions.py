"""What tables of versions have in common: a version's life, ways in, the instant of a merge."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    CheckConstraint,
    Column,
    ColumnElement,
    Index,
    bindparam,
    text,
)

from inventory.columns import INSTANT, NUMBER, TEXT, Columns, col

_SINCE = "When this version began: observed_at of the run that first saw it (UTC)"
_AFTER = (
    "The last complete run before that one: the change happened after it (UTC); "
    "null = there was none"
)
_UNTIL = "When this version ended: observed_at of the run that no longer saw it (UTC)"


def open_version() -> Columns:
    """On the rows of current tables: since when they read as they do."""
    return [
        col("valid_from", INSTANT, _SINCE, nullable=False),
        col("changed_after", INSTANT, _AFTER),
    ]


def past_version() -> Columns:
    """On the rows of past tables: the half-open interval [valid_from, valid_to)."""
    return [
        Column("valid_from", INSTANT, primary_key=True, comment=_SINCE),
        col("changed_after", INSTANT, _AFTER),
        col("valid_to", INSTANT, _UNTIL, nullable=False),
    ]


def past_rules(table: str) -> tuple[CheckConstraint, Index]:
    """What holds for every past table: no empty version, and a way in by time."""
    return (
        CheckConstraint("valid_from < valid_to", name="not_empty"),
        Index(f"ix_{table}_valid_to", "valid_to"),
    )


def beginnings(table: str) -> Index:
    """A way in by the time at which versions began, where that says more than the one before."""
    return Index(f"ix_{table}_valid_from", "valid_from")


def only_where(name: str, condition: str, *columns: str) -> Index:
    """An index of the few rows that a condition holds for."""
    return Index(name, *columns, sqlite_where=text(condition), postgresql_where=text(condition))


# --- the instant of a merge -----------------------------------------------------------------

# What statements of a merge call the parts of their `Moment`.
NOW: BindParameter[datetime] = bindparam("now", type_=INSTANT)
BEFORE: ColumnElement[datetime] = bindparam("before", type_=INSTANT)
ACCOUNT: ColumnElement[str] = bindparam("account", type_=TEXT)
RUN: ColumnElement[int] = bindparam("run", type_=NUMBER)


@dataclass(frozen=True)
class Moment:
    """The instant of a merge: when it is, the complete run before it, and whose it is."""

    account_id: str
    run_id: int
    observed_at: datetime
    previous_at: datetime | None

    @property
    def parameters(self) -> dict[str, Any]:
        return {
            "now": self.observed_at,
            "before": self.previous_at,
            "account": self.account_id,
            "run": self.run_id,
        }
