"""What a target knows of each table, and what an export changes in it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from inventory.errors import AlreadyRunningError, ConfigurationError
from inventory.export.part_files import PartFile
from inventory.export.storage import Storage
from inventory.export.tables import ExportedTable

if TYPE_CHECKING:
    import pyarrow as pa


class Progress(NamedTuple):
    """How far a target holds a table: the proof is what the target itself has committed.

    `observed_at` is the last complete run in it, in microseconds since 1970; 0 = none. The others
    are as in `models.ExportBookmark`.
    """

    edition: int
    observed_at: int
    settled_until: int | None


class TableState(NamedTuple):
    """A table as the target's last commit left it."""

    progress: Progress
    files: list[PartFile]


class TableChange(NamedTuple):
    """What one commit does to a table: replace some files by others."""

    table: ExportedTable
    schema: "pa.Schema"
    added: list[PartFile]
    removed: list[PartFile]
    progress: Progress


class Target(Protocol):
    """A format in which tables are kept.

    `commits_all`: one commit is for all tables. `path_columns`: columns that no file holds.
    `has_json_type`: JSON is more than a text there.
    """

    commits_all: bool
    path_columns: tuple[str, ...]
    has_json_type: bool

    def state(self, table: str) -> TableState | None:
        """Return what is committed of a table, or None.

        Raises ConfigurationError if the target belongs to another database or format.
        """

    def commit(self, changes: Sequence[TableChange]) -> None:
        """Make changes visible, all at once for a reader; delete what no reader needs any more."""


def check_database(storage: Storage, expected: str, found: str) -> None:
    if found != expected:
        raise ConfigurationError(
            f"{storage.url} holds the export of another database. Pass another URL, or empty it."
        )


def overtaken(storage: Storage) -> AlreadyRunningError:
    """Return the error of an export that finds the target changed.

    The lock is one of the database, which may have been copied.
    """
    return AlreadyRunningError(
        f"Another export has written to {storage.url} since this one began.",
        "Let only one database export to it, and run this again.",
    )


def check_types(storage: Storage, table: str, old: dict[str, str], new: dict[str, str]) -> None:
    """Raise ConfigurationError if a column has another type than the one in the target."""
    for name, kind in new.items():
        if old.get(name, kind) != kind:
            raise ConfigurationError(
                f"{storage.url} has the column {table}.{name} as {old[name]}, and this release "
                f"exports {kind}. Export to another URL."
            )
