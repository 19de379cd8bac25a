"""The tour of `inventory demo`: thirty days of a simulated account, and queries about them."""

import contextlib
import shlex
import shutil
import sqlite3
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import click
from sqlalchemy import Engine, func, select

from inventory import times
from inventory.db import revision, views
from inventory.db.engine import connect, read_only, transaction
from inventory.demo.account import DemoAccount
from inventory.demo.fake_api import LISTS, FakeApi, Request
from inventory.demo.script import TAGS
from inventory.errors import ConfigurationError
from inventory.models import CONNECTORS, HISTORY_TABLES, INVENTORY_RUNS
from inventory.output.formats import Output
from inventory.output.listing import write_rows
from inventory.queries.sql import run_query
from inventory.settings import ApiSettings, DatabaseSettings, EnrichmentSettings, Secret
from inventory.sync import run
from inventory.tags.store import Assignment, set_tags

FILE = Path("inventory-demo.db")
DAYS = 30
KEY, SECRET = "demo-key", "demo-secret"


class SampleQuery(NamedTuple):
    question: str
    sql: str


SAMPLE_QUERIES = (
    SampleQuery(
        "What is down now, since when, and who owns it?",
        """\
select health, service_name, group_name, owner, health_since
from connector_health
where is_down
order by health_since""",
    ),
    SampleQuery(
        "Which broken destinations took connectors down, and for how long?",
        """\
select group_name, count(*) as connectors, min(started_at) as since, min(minutes) as minutes
from incidents
where path like 'destination_broken%'
group by group_name""",
    ),
    SampleQuery(
        "Which fields changed in the last three days?",
        """\
select changed_at, connector_id, field, old_value, new_value
from state_changes
where kind = 'changed' and changed_at > '2026-10-27 03:00:00.000000+00:00'
order by changed_at, connector_id, field""",
    ),
    SampleQuery(
        "Which outages happened in the last week, and how did they end?",
        """\
select connector_id, path, started_at, minutes, coalesce(closed_by, 'still down') as closed_by
from incidents
where ended_at is null or ended_at > '2026-10-23 03:00:00.000000+00:00'
order by started_at, connector_id""",
    ),
    SampleQuery(
        "What did the account look like at noon on Tuesday, 13 October?",
        """\
select setup_state, sync_state, update_state, count(*) as connectors
from connector_status_history
where valid_from <= '2026-10-13 12:00:00.000000+00:00'
  and (valid_to > '2026-10-13 12:00:00.000000+00:00' or valid_to is null)
group by setup_state, sync_state, update_state
order by connectors desc, setup_state, sync_state""",
    ),
)


def show(*, seed: int) -> None:
    """Simulate the days in ./inventory-demo.db, and print what they left there.

    Replaces the file of an earlier demo. Raises ConfigurationError if the file is not of a demo.
    """
    _delete_earlier_demo()
    click.echo(
        f"A fake API on localhost serves a simulated account. {DAYS} runs of `inventory sync`, "
        "one per simulated day (every fifth is shown, and the last):"
    )
    engine = connect(DatabaseSettings(url=Secret(f"sqlite:///{FILE}")))
    simulate(engine, DemoAccount(seed=seed))
    _echo_result(engine)
    for query in SAMPLE_QUERIES:
        _echo_query(engine, query)
    _echo_next_steps(engine)


def simulate(engine: Engine, account: DemoAccount) -> None:
    """Run once per simulated day; then stop the clock of the database at the last run."""
    with FakeApi(account, key=KEY, secret=SECRET) as api:
        settings = ApiSettings(key=Secret(KEY), secret=Secret(SECRET), url=api.url)
        for day in range(DAYS):
            if day:
                account.advance()
            row = run.sync(
                engine,
                settings,
                clock=lambda connection: account.now,
                enrichment=EnrichmentSettings(),
            )
            if day % 5 == 0 or day == DAYS - 1:
                _echo_day(row)
    set_tags(engine, [Assignment(*tag) for tag in TAGS])
    with transaction(engine) as connection:
        views.stop_clock(connection, account.now)


def _delete_earlier_demo() -> None:
    if not FILE.exists():
        return
    if not _is_of_a_demo():
        raise ConfigurationError(
            f"./{FILE} already exists and was not written by a demo, so it is left alone. "
            "Run the demo in another folder."
        )
    beside = [Path(f"{FILE}{suffix}") for suffix in ("-wal", "-shm", "-journal")]
    locks = Path().glob(f"{FILE}-*.lock")  # see `inventory.db.locks`
    for file in (FILE, *beside, *locks):
        file.unlink(missing_ok=True)


def _is_of_a_demo() -> bool:
    """Return whether the file has no other account, or no table because a demo was killed."""
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(FILE)) as file:
        names = {name for (name,) in file.execute("select name from sqlite_master")}
        if names >= {INVENTORY_RUNS.name, revision.VERSION_TABLE}:
            accounts = "select distinct account_id from inventory_runs where account_id is not null"
            return file.execute(accounts).fetchall() in ([], [(DemoAccount.account_id,)])
        return not names
    return False


def _echo_day(row: dict[str, Any]) -> None:
    click.echo(
        f"  {times.format_local(row['observed_at'])}  {row['connectors_seen']} connectors: "
        f"added {row['added']}, changed {row['changed']}, "
        f"removed {row['removed']}, returned {row['returned']}"
    )


def _echo_result(engine: Engine) -> None:
    def count(table: Any) -> int:
        found: int = connection.scalar(select(func.count()).select_from(table)) or 0
        return found

    with read_only(engine) as connection:
        past = sum(count(versioned.past) for versioned in HISTORY_TABLES)
        now = sum(count(versioned.current) for versioned in HISTORY_TABLES)
        click.echo(
            f"\n./{FILE} now contains {count(CONNECTORS.current)} connectors, {now} current rows, "
            f"{past} closed versions and {count(INVENTORY_RUNS)} runs."
        )


def _echo_query(engine: Engine, query: SampleQuery) -> None:
    click.echo(f"\n-- {query.question}\n{query.sql};\n")
    result = run_query(engine, query.sql)
    write_rows(result.rows, result.columns, Output(pager=False))


def _echo_next_steps(engine: Engine) -> None:
    longest_down = "select connector_id from incidents where ended_at is null order by started_at"
    [connector_id, *_] = (row["connector_id"] for row in run_query(engine, longest_down).rows)
    click.echo(
        "\nThe demo database's clock is stopped at the last run. Continue with:\n\n"
        f"{_path_export()}"
        f"export INVENTORY_DATABASE_URL=sqlite:///{FILE}\n"
        f"inventory status --down\n"
        f"inventory history {connector_id}\n"
        f'inventory query "select * from findings"\n\n'
        f"Run `inventory sync` yourself:  inventory demo --serve"
    )


def _path_export() -> str:
    """Return the line that lets a shell find `inventory`; "" if the shell finds it already."""
    if shutil.which("inventory") is not None:
        return ""
    return f'export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"\n'


def serve(*, seed: int, port: int) -> None:
    """Serve the fake API until Ctrl-C; the account advances by a day before each run."""
    aging = _DayPerRun(seed)
    try:
        fake_api = FakeApi(aging.account, key=KEY, secret=SECRET, port=port, intercept=aging)
    except OSError as error:
        raise ConfigurationError(
            f"Port {port} cannot be used: {error.strerror}. Choose another --port."
        ) from error
    with fake_api as api:
        click.echo(
            "The fake API is running; stop it with Ctrl-C. In another terminal:\n\n"
            f"{_path_export()}"
            f"export FIVETRAN_API_URL={api.url}\n"
            f"export FIVETRAN_API_KEY={KEY} FIVETRAN_API_SECRET={SECRET}\n"
            "export INVENTORY_DATABASE_URL=sqlite:///inventory-try.db\n"
            "inventory sync\n\n"
            "The account advances by a day with each run, dry runs included."
        )
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()
    click.echo("Stopped.")


class _DayPerRun:
    """An interceptor that advances the account by a day when a run requests the first page.

    The day ends now: runs by hand are minutes apart and see the real time, so the last syncs must
    be minutes ago. The account starts before its whole script, so that nothing in it is created in
    the future.
    """

    def __init__(self, seed: int) -> None:
        self.account = DemoAccount(seed=seed, starts_at=datetime.now(UTC) - timedelta(days=DAYS))

    def __call__(self, request: Request) -> None:
        if request.path.removeprefix("/v1/") in LISTS and "cursor" not in request.query:
            self.account.advance(to=datetime.now(UTC))
