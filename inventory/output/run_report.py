"""Prints a run for people: progress while it reads, and a summary at its end."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from inventory.output import rows
from inventory.text import escape_control_chars


class Change(Protocol):
    """A connector that a run would change; see `inventory.sync.changes`."""

    @property
    def connector_id(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def tables(self) -> Sequence[str]: ...
    @property
    def health_before(self) -> str | None: ...
    @property
    def health(self) -> str | None: ...
    def _asdict(self) -> dict[str, Any]: ...


SHOWN = 50  # changes that a dry run lists by name


@contextmanager
def progress(*, wanted: bool) -> Iterator[Callable[[int, int], None]]:
    """Draw a progress bar on stderr if it is a terminal. Yields a callback for each page."""
    if not (wanted and sys.stderr.isatty()):
        yield lambda seen, known: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("Reading connectors"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("read", total=None)
        yield lambda seen, known: bar.update(task, completed=seen, total=max(seen, known) or None)


def run(
    row: dict[str, Any],
    changes: "Sequence[Change] | None",
    *,
    where: str,
    output_format: str,
    quiet: bool,
    notes: Sequence[str] = (),
) -> None:
    """Print the row of a run as JSON, or a summary with the notes made by it.

    `changes` is only given for a dry run.
    """
    if output_format == "json":
        listed = {} if changes is None else {"changes": [change._asdict() for change in changes]}
        rows.write_object(row | listed)
    elif not quiet:
        for line in _summary(row, changes, where, notes):
            rows.write_line(line)


def _summary(
    row: dict[str, Any], changes: "Sequence[Change] | None", where: str, notes: Sequence[str]
) -> Iterator[str]:
    seen, pages = _counted(row["connectors_seen"], "connector"), _counted(row["pages"], "page")
    account = escape_control_chars(row["account_id"])
    yield f"Saw {seen} of account {account} in {pages} of /v1/{row['endpoint']}."
    counts = f"added {row['added']:,}, changed {row['changed']:,}, removed {row['removed']:,}"
    if row["returned"]:
        counts += f", returned {row['returned']:,}"
    yield f"Would have {counts}." if changes is not None else f"{counts.capitalize()}."
    if row["details_read"]:
        yield f"Read the details of {_counted(row['details_read'], 'connector')}."
    if row["tested"]:
        yield f"Had the setup tests of {_counted(row['tested'], 'connector')} run."
    yield from _notes(row)
    yield from (f"Note: {note[:1].lower()}{note[1:]}" for note in notes)
    if changes is not None:
        yield from _change_lines(changes)
        yield f"Dry run: nothing was written to {where}."
    else:
        seconds = (row["finished_at"] - row["started_at"]).total_seconds()
        yield f"Run {row['run_id']} took {seconds:.1f} s, into {where}."


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _notes(row: dict[str, Any]) -> Iterator[str]:
    notes = {
        "duplicates": (
            "connector",
            "listed twice: the list changed during the run, so nothing was removed",
        ),
        "unconfirmed": ("missing connector", "left unchanged: no lookup gave a clear result"),
        "withheld": ("missing connector", "left unchanged: too many to treat as removed"),
        "details_failed": ("connector", "left as listed: reading the details failed"),
        "tests_failed": ("connector", "left as listed: running the setup tests failed"),
        "anomalies": ("value", "invalid for a column (kept in extra), or an unknown state"),
    }
    for name, (noun, note) in notes.items():
        if row[name]:
            yield f"Note: {_counted(row[name], noun)} {note}."
    if row["skipped"]:
        lists = row["skipped"].replace("_", " ")
        yield f"Note: skipped the lists of {lists}; nothing of them changed."


def _change_lines(changes: "Sequence[Change]") -> Iterator[str]:
    for change in changes[:SHOWN]:
        tables = ", ".join(change.tables)
        health = " -> ".join(filter(None, (change.health_before, change.health)))
        line = f"  {change.kind:8}  {escape_control_chars(change.connector_id)}  ({tables})"
        yield f"{line}  {health}" if health else line
    if len(changes) > SHOWN:
        rest = Counter(change.kind for change in changes[SHOWN:])
        more = ", ".join(f"{count:,} {kind}" for kind, count in sorted(rest.items()))
        yield f"  ... and {more}; --format json lists all"
