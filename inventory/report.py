"""What `inventory sync` shows a person: progress while it reads, and a summary at its end."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from inventory import output

if TYPE_CHECKING:
    from inventory.changes import Change

SHOWN = 50  # changes that a dry run lists by name


@contextmanager
def progress(*, wanted: bool) -> Iterator[Callable[[int, int], None]]:
    """Draw a bar on stderr, if that is a terminal; yields what is to be told after each page."""
    if not (wanted and sys.stderr.isatty()):
        yield lambda seen, held: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("Reading connectors"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("read", total=None)
        yield lambda seen, held: bar.update(task, completed=seen, total=max(seen, held) or None)


def run(
    row: dict[str, Any],
    changes: "Sequence[Change] | None",
    *,
    where: str,
    output_format: str,
    quiet: bool,
) -> None:
    """Print a run: its row as one JSON object, or a summary. `changes` are those of a dry run."""
    if output_format == "json":
        listed = {} if changes is None else {"changes": [change._asdict() for change in changes]}
        output.write_object(row | listed)
    elif not quiet:
        for line in _summary(row, changes, where):
            output.write_line(line)


def _summary(row: dict[str, Any], changes: "Sequence[Change] | None", where: str) -> Iterator[str]:
    seen, pages = _counted(row["connectors_seen"], "connector"), _counted(row["pages"], "page")
    account = output.printable(row["account_id"])
    yield f"Saw {seen} of account {account} in {pages} of /v1/{row['endpoint']}."
    counts = f"added {row['added']:,}, changed {row['changed']:,}, removed {row['removed']:,}"
    if row["returned"]:
        counts += f", returned {row['returned']:,}"
    yield f"Would have {counts}." if changes is not None else f"{counts.capitalize()}."
    yield from _oddities(row)
    if changes is not None:
        yield from _listed(changes)
        yield f"Dry run: nothing was written to {where}."
    else:
        seconds = (row["finished_at"] - row["started_at"]).total_seconds()
        yield f"Run {row['run_id']} took {seconds:.1f} s, into {where}."


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _oddities(row: dict[str, Any]) -> Iterator[str]:
    told = {
        "duplicates": "connectors were listed twice: the list moved, and nothing is removed",
        "unconfirmed": "missing connectors have no clear answer; they stay as they were",
        "withheld": "missing connectors stay as they were: so many are not believed to be gone",
        "anomalies": "values do not fit their column (they are in extra), or are states not known",
    }
    for name, words in told.items():
        if row[name]:
            yield f"Note: {row[name]:,} {words}."


def _listed(changes: "Sequence[Change]") -> Iterator[str]:
    for change in changes[:SHOWN]:
        tables = ", ".join(change.tables)
        words = " > ".join(filter(None, (change.health_before, change.health)))
        line = f"  {change.kind:8}  {output.printable(change.connector_id)}  ({tables})"
        yield f"{line}  {words}" if words else line
    if len(changes) > SHOWN:
        rest = Counter(change.kind for change in changes[SHOWN:])
        more = ", ".join(f"{count:,} {kind}" for kind, count in sorted(rest.items()))
        yield f"  ... and {more}; --format json lists all"
