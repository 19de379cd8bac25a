"""Time `inventory export` of a long history beside a plain COPY of the same rows, in turn.

    INVENTORY_DATABASE_URL=postgresql://... python tests/benchmarks/export_rows.py [ROUNDS]

The database is one that aged.py has filled. Each line: rows, then per tool the seconds, those of
its CPU and its most memory; how many times as long the export takes; its rows per second of CPU.
The server needs CPU of its own, so the seconds are those of two cores.
"""

import os
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import NamedTuple

import psycopg

TABLES = {
    "connector_status_history": "connector_status_history join connectors using (connector_id)",
    "sync_outcomes": "sync_outcomes join inventory_runs using (run_id)",
    "warning_history": "warning_history join connectors using (connector_id)",
}
EXTRA = {"sync_outcomes": ", observed_at"}
COPY = "--copy"


class Effort(NamedTuple):
    seconds: float
    cpu: float
    megabytes: float


def measured(words: Sequence[str]) -> Effort:
    begun = perf_counter()
    child = os.posix_spawn(words[0], words, os.environ)
    _, status, usage = os.wait4(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    cpu = usage.ru_utime + usage.ru_stime
    return Effort(perf_counter() - begun, cpu, usage.ru_maxrss / 1024)


def copy(table: str, file: str) -> None:
    """Write all rows of a table as COPY sends them."""
    columns = f"{table}.*{EXTRA.get(table, ', account_id')}"
    statement = f"copy (select {columns} from {TABLES[table]}) to stdout"
    with (
        open(file, "wb") as out,
        psycopg.connect(os.environ["INVENTORY_DATABASE_URL"]) as connection,
        connection.cursor() as cursor,
        cursor.copy(statement) as rows,
    ):
        out.writelines(rows)


def rows_of(table: str) -> int:
    with psycopg.connect(os.environ["INVENTORY_DATABASE_URL"]) as connection:
        [number] = connection.execute(f"select count(*) from {table}").fetchone() or [0]
        return int(number)


def median(of: list[Effort]) -> Effort:
    return Effort(*map(statistics.median, zip(*of, strict=True)))


def main(rounds: int) -> None:
    inventory = str(Path(sys.executable).with_name("inventory"))
    for table in TABLES:
        exports, copies = [], []
        for _ in range(rounds):
            with TemporaryDirectory() as folder:
                export = [inventory, "export", folder, "--quiet", "--full", "--tables", table]
                exports.append(measured(export))
                copies.append(measured([sys.executable, __file__, COPY, table, f"{folder}/rows"]))
        number, mine, plain = rows_of(table), median(exports), median(copies)
        shown = (
            f"{each.seconds:.1f} s {each.cpu:.1f} {each.megabytes:.0f} MB" for each in (mine, plain)
        )
        sys.stdout.write(
            f"{table}: {number:,} rows; export {'; copy '.join(shown)}; "
            f"{mine.seconds / plain.seconds:.2f} times; {number / mine.cpu:,.0f} rows/s\n"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == [COPY]:
        copy(*sys.argv[2:])
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
