"""The newcomer's first minute: thirty days of an imaginary account, and what SQL says of them."""

import contextlib
import shlex
import shutil
import sqlite3
import sys
import threading
from pathlib import Path
from typing import Any, NamedTuple

import click
from sqlalchemy import Engine, func, select

from inventory import database, moments, output, query, sync, views
from inventory.errors import FixSettings
from inventory.fleet import Fleet
from inventory.models import CONNECTORS, SYNC_RUNS, VERSIONED
from inventory.settings import ApiSettings, DatabaseSettings, Secret
from inventory.standin import LISTS, Request, StandIn

FILE = Path("inventory-demo.db")
DAYS = 30
KEY, SECRET = "demo-key", "demo-secret"


class Question(NamedTuple):
    words: str
    sql: str


QUESTIONS = (
    Question(
        "What is down now, since when, and what does it wait for?",
        """\
select health, connector_id, service, health_since, message as open_task
from connector_health left join tasks using (connector_id)
where is_down
order by health_since""",
    ),
    Question(
        "Which fields have changed in the last three days?",
        """\
select changed_at, connector_id, field, old_value, new_value
from state_changes
where kind = 'changed' and changed_at > '2026-10-27 03:00:00.000000+00:00'
order by changed_at, connector_id, field""",
    ),
    Question(
        "Which outages were there in the last week, and how did they end?",
        """\
select connector_id, path, started_at, minutes, coalesce(closed_by, 'still down') as closed_by
from incidents
where ended_at is null or ended_at > '2026-10-23 03:00:00.000000+00:00'
order by started_at, connector_id""",
    ),
    Question(
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
    """Live the days in ./inventory-demo.db, and print what they left there.

    A file of an earlier demo is replaced. Raises FixSettings for a file that is none of ours.
    """
    _make_room()
    click.echo(
        f"A stand-in for the API serves an imaginary account on localhost. One day of it passes "
        f"after each of {DAYS} runs of `inventory sync`:"
    )
    engine = database.connect(DatabaseSettings(url=Secret(f"sqlite:///{FILE}")))
    live(engine, Fleet(seed=seed))
    _echo_result(engine)
    for question in QUESTIONS:
        _echo_answer(engine, question)
    _echo_ways_on(engine)


def live(engine: Engine, fleet: Fleet) -> None:
    """Let the days pass with a run on each, and time in the database stand still at the last."""
    with StandIn(fleet, key=KEY, secret=SECRET) as api:
        settings = ApiSettings(key=Secret(KEY), secret=Secret(SECRET), url=api.url)
        for day in range(DAYS):
            if day:
                fleet.advance()
            row = sync.sync(engine, settings, clock=lambda connection: fleet.now)
            if day % 5 == 0 or day == DAYS - 1:
                _echo_day(row)
    with database.transaction(engine) as connection:
        views.stop_clock(connection, fleet.now)


def _make_room() -> None:
    """Remove the file of an earlier demo, and nothing else."""
    if not FILE.exists():
        return
    ours = FILE.stat().st_size == 0  # of a demo that was ended before it began
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(FILE)) as file:
        accounts = file.execute("select distinct account_id from sync_runs").fetchall()
        ours = ours or accounts == [(Fleet.account_id,)]
    if not ours:
        raise FixSettings(
            f"./{FILE} is there already and is not of a demo: it is left alone. "
            "Run the demo in another folder."
        )
    for name in (FILE, f"{FILE}-wal", f"{FILE}-shm", f"{FILE}-journal"):
        Path(name).unlink(missing_ok=True)


def _echo_day(row: dict[str, Any]) -> None:
    click.echo(
        f"  {moments.in_utc(row['observed_at'])}  saw {row['connectors_seen']}: "
        f"added {row['added']}, changed {row['changed']}, "
        f"removed {row['removed']}, returned {row['returned']}"
    )


def _echo_result(engine: Engine) -> None:
    def count(table: Any) -> int:
        found: int = connection.scalar(select(func.count()).select_from(table)) or 0
        return found

    with database.reading(engine) as connection:
        past = sum(count(versioned.past) for versioned in VERSIONED)
        now = sum(count(versioned.current) for versioned in VERSIONED)
        click.echo(
            f"\n./{FILE} now holds {count(CONNECTORS.current)} connectors, {now} rows as they "
            f"are, {past} as they were, and {count(SYNC_RUNS)} runs."
        )


def _echo_answer(engine: Engine, question: Question) -> None:
    click.echo(f"\n-- {question.words}\n{question.sql};\n")
    answer = query.ask(engine, question.sql)
    output.write_rows(answer.rows, answer.columns, "table")


def _echo_ways_on(engine: Engine) -> None:
    longest_down = "select connector_id from incidents where ended_at is null order by started_at"
    [connector_id, *_] = (row["connector_id"] for row in query.ask(engine, longest_down).rows)
    click.echo(
        f"\nIts time stands still at the last run. Ask on:\n\n{_way_to_us()}"
        f"export INVENTORY_DATABASE_URL=sqlite:///{FILE}\n"
        f"inventory status --down\n"
        f"inventory history {connector_id}\n"
        f'inventory query "select * from attention"\n\n'
        f"Try it by hand:  inventory demo --serve"
    )


def _way_to_us() -> str:
    """What a shell must be told first where it does not find `inventory`: nobody has activated."""
    if shutil.which("inventory") is not None:
        return ""
    return f'export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"\n'


def serve(*, seed: int, port: int) -> None:
    """Keep the stand-in running until it is interrupted; a day passes before each new walk."""
    account = _AgeingPerWalk(Fleet(seed=seed))
    try:
        stand_in = StandIn(account.fleet, key=KEY, secret=SECRET, port=port, intercept=account)
    except OSError as error:
        raise FixSettings(
            f"Port {port} cannot be served: {error.strerror}. Choose another --port."
        ) from error
    with stand_in as api:
        click.echo(
            "The stand-in is running; stop it with Ctrl-C. In another terminal:\n\n"
            f"{_way_to_us()}"
            f"export FIVETRAN_API_URL={api.url}\n"
            f"export FIVETRAN_API_KEY={KEY} FIVETRAN_API_SECRET={SECRET}\n"
            "export INVENTORY_DATABASE_URL=sqlite:///inventory-try.db\n"
            "inventory sync\n\n"
            "A day of the account passes each time its list is walked."
        )
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()
    click.echo("Stopped.")


class _AgeingPerWalk:
    """Lets a day pass when a first page is asked for, but for the first one."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self._walks = 0

    def __call__(self, request: Request) -> None:
        if request.path.removeprefix("/v1/") in LISTS and "cursor" not in request.query:
            if self._walks:
                self.fleet.advance()
            self._walks += 1
