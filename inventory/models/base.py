"""What all models share: the metadata, kinds of columns, versions, and what the merge needs.

A *current* table holds the open version of each row; its *past* table holds the closed ones. The
columns of both stand in one mixin, so a new tracked column is one attribute there.
"""

from datetime import datetime
from typing import Any, ClassVar, NamedTuple

from sqlalchemy import CheckConstraint, ForeignKey, Index, MetaData, Table, text
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedColumn, mapped_column
from sqlalchemy.types import TypeEngine

from inventory.column_types import BIGINT, BOOLEAN, BYTES, JSON, TEXT, TIMESTAMP

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Base(DeclarativeBase):
    """Parent of the models. Sessions are for reading: only the job writes, through the tables."""

    metadata = METADATA
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: TEXT,
        int: BIGINT,
        bool: BOOLEAN,
        bytes: BYTES,
        datetime: TIMESTAMP,
        dict[str, Any]: JSON,
    }

    def __repr__(self) -> str:
        names = [column.name for column in table_of(type(self)).primary_key]
        key = ", ".join(f"{name}={self.__dict__.get(name)!r}" for name in names)
        return f"{type(self).__name__}({key})"


def table_of(model: type[Base]) -> Table:
    table = model.__table__
    assert isinstance(table, Table)
    return table


# --- columns --------------------------------------------------------------------------------

# The order of columns in a table: by the revision that adds them (`added`, 1 for 0001), as an added
# column stands at the end; within a revision by kind.
_KEY, _TRACKED, _UNTRACKED, _VERSION = range(4)
LAST = 1_000_000  # behind all others, as they stand in the class


def _column(kind: int, comment: str, added: int, *parts: Any, **options: Any) -> MappedColumn[Any]:
    return mapped_column(*parts, comment=comment, sort_order=10 * added + kind, **options)


def key(comment: str, *parts: Any) -> MappedColumn[Any]:
    """A column of the primary key; its value is always given, never counted up."""
    return _column(_KEY, comment, 1, *parts, primary_key=True, autoincrement=False)


def connector_key() -> MappedColumn[Any]:
    """The key, or its first part, of every table about connectors."""
    return key("The connector's id, as the API gives it", ForeignKey("connectors.connector_id"))


def tracked(comment: str, *types: TypeEngine[Any], added: int = 1) -> MappedColumn[Any]:
    """A column whose changes make history: a change closes a version and opens another."""
    return _column(_TRACKED, comment, added, *types)


def untracked(comment: str, *types: TypeEngine[Any], added: int = 1) -> MappedColumn[Any]:
    """A column that is overwritten in place. In a past table: what the version said at its end."""
    return _column(_UNTRACKED, comment, added, *types, info={"untracked": True})


def own(comment: str, *types: TypeEngine[Any], added: int = 1, **options: Any) -> MappedColumn[Any]:
    """A column that is not tracked, and is set by rules of its own."""
    return _column(_UNTRACKED, comment, added, *types, **options)


def judged(comment: str, *, added: int, **options: Any) -> MappedColumn[Any]:
    """A column that only the judge of health writes; a version carries it as a tracked one."""
    return _column(_TRACKED, comment, added, **options)


def extra() -> MappedColumn[Any]:
    """What the API sends beyond the columns."""
    return tracked(
        "Fields of the API that have no column, and values that do not fit their column, "
        "verbatim; secrets masked"
    )


_VALID_FROM = "When this version began: observed_at of the run that first saw it (UTC)"
_CHANGED_AFTER = (
    "observed_at of the complete run before that one (UTC): the change happened after it; "
    "null = there was none"
)
_VALID_TO = "When this version ended: observed_at of the run that no longer saw it (UTC)"


class OpenVersion:
    """Rows of a current table: the version that began at `valid_from` and has not ended."""

    valid_from: Mapped[datetime] = _column(_VERSION, _VALID_FROM, 1)
    changed_after: Mapped[datetime | None] = _column(_VERSION, _CHANGED_AFTER, 1)

    @property
    def valid_to(self) -> None:
        """The end of this version: it has none yet."""
        return None


class ClosedVersion:
    """Rows of a past table: the half-open interval [valid_from, valid_to)."""

    valid_from: Mapped[datetime] = _column(_VERSION, _VALID_FROM, 1, primary_key=True)
    changed_after: Mapped[datetime | None] = _column(_VERSION, _CHANGED_AFTER, 1)
    valid_to: Mapped[datetime] = _column(_VERSION, _VALID_TO, 1)


class ListEntry(OpenVersion):
    """An entry of a list beside the connectors. One that was removed keeps its last version."""

    first_seen_at: Mapped[datetime] = own("observed_at of the first run that saw it (UTC)")
    removed_at: Mapped[datetime | None] = own(
        "observed_at of the run whose list no longer had it (UTC); null = it exists"
    )


# --- constraints and indexes ----------------------------------------------------------------


def past_rules(table: str) -> tuple[CheckConstraint, Index]:
    """What every past table has: no empty version, and an index on the ends of versions."""
    return (
        CheckConstraint("valid_from < valid_to", name="not_empty"),
        Index(f"ix_{table}_valid_to", "valid_to"),
    )


def valid_from_index(table: str) -> Index:
    """An index on `valid_from`, for tables that are searched by it."""
    return Index(f"ix_{table}_valid_from", "valid_from")


def partial_index(name: str, condition: str, *columns: str) -> Index:
    """An index of the few rows that a condition holds for."""
    return Index(name, *columns, sqlite_where=text(condition), postgresql_where=text(condition))


# --- what the merge needs -------------------------------------------------------------------


class HistoryTable(NamedTuple):
    """A current table with its past one, and the names of their columns by what a change does.

    `tracked`: a change opens a version. `judged`: the same, but only the judge of health writes
    them. `untracked`: overwritten in place. `carried`: those of them that a closed version carries,
    with the value they had at its end.
    """

    history: str  # the view over both
    current: Table
    past: Table
    key: tuple[str, ...]
    tracked: tuple[str, ...]
    judged: tuple[str, ...]
    untracked: tuple[str, ...]
    carried: tuple[str, ...]

    @property
    def id_column(self) -> str:
        """The column that says what a row is about: a connector, a group, a destination."""
        return self.key[0]

    @property
    def keeps_removed(self) -> bool:
        """Whether what was removed keeps its current row, marked; then that version is closed."""
        return "removed_at" in self.current.c

    @property
    def versioned_columns(self) -> tuple[str, ...]:
        """The columns that both tables have, without those that say when the version was valid."""
        return (*self.key, *self.tracked, *self.judged, *self.carried)


def history_table(
    history: str,
    current: type[Base],
    past: type[Base],
    *,
    tracked: type,
    judged: type | None = None,
) -> HistoryTable:
    """Describe two models to the merge; `tracked` and `judged` are the mixins of their columns."""
    table, closed = table_of(current), table_of(past)
    overwritten = tuple(column.name for column in table.c if column.info.get("untracked"))
    return HistoryTable(
        history,
        table,
        closed,
        key=tuple(column.name for column in table.primary_key),
        tracked=_columns_of(tracked),
        judged=_columns_of(judged) if judged else (),
        untracked=overwritten,
        carried=tuple(name for name in overwritten if name in closed.c),
    )


def _columns_of(mixin: type) -> tuple[str, ...]:
    return tuple(name for name, each in vars(mixin).items() if isinstance(each, MappedColumn))
