"""Both databases keep what they are given, refuse what they must, and say so without a password."""

import os
import socket
import sqlite3
import stat
import traceback
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection, Engine, func, make_url, select, text
from sqlalchemy.exc import StatementError
from worlds import connect, everything

from inventory import database, redaction, refusals, runs, schema, upgrades
from inventory.columns import Json, UtcDateTime
from inventory.errors import (
    AlreadyRunning,
    DatabaseUnavailable,
    FixSettings,
    InventoryError,
    SchemaMismatch,
)
from inventory.models import SYNC_RUNS
from inventory.sync import prepare

PASSWORD = "hunter2-b64"
CELLS = sa.Table(
    "cells",
    sa.MetaData(),
    sa.Column("place", sa.BigInteger()),
    sa.Column("words", sa.Text()),
    sa.Column("flag", sa.Boolean()),
    sa.Column("digest", sa.LargeBinary()),
    sa.Column("moment", UtcDateTime()),
    sa.Column("anything", Json()),
    prefixes=["temporary"],
)


@contextmanager
def cells(engine: Engine) -> Iterator[Connection]:
    """A transaction with an empty table of all kinds of cells; nothing of it stays."""
    with database.rolled_back(engine) as connection:
        CELLS.create(connection)
        yield connection


def through(connection: Connection, column: str, values: list[Any]) -> list[Any]:
    """Store the values, and return what comes back."""
    connection.execute(CELLS.insert(), [{"place": n, column: v} for n, v in enumerate(values)])
    return list(connection.scalars(select(CELLS.c[column]).order_by(CELLS.c.place)))


def add_run(connection: Connection) -> None:
    runs.start(connection, "account_one", database.now)


@pytest.mark.parametrize(
    ("url", "described"),
    [
        ("postgres://u:hunter2-b64@h/d", "postgresql://u:***@h/d"),
        ("postgresql+psycopg://u:hunter2-b64@h:5/d", "postgresql://u:***@h:5/d"),
        ("postgresql://u@h/d?password=hunter2-b64", "postgresql://u@h/d"),
        ("postgresql://u:a/hunter2-b64?@h/d", "postgresql://u:***@h/d"),
        ("sqlite+pysqlite:////srv/inventory.db", "sqlite:////srv/inventory.db"),
        ("sqlite://", "sqlite://"),
    ],
)
def test_url_is_taken_and_described_without_its_password(url: str, described: str) -> None:
    assert refusals.describe(connect(url)) == described


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mysql://u:hunter2-b64@h/d",
        "postgresql+psycopg2://u:hunter2-b64@h/d",
        "postgresql://u:hunter2@-b64@h/d",  # an @ that should have been %40
        "postgresql://u:hunter2@-b64:x@h/d",
        "postgresql://u:hunter2-b64@h:port/d",
        "sqlite://hunter2-b64.db",  # a slash too few
    ],
)
def test_url_that_is_none_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(FixSettings, match=r"^INVENTORY_DATABASE_URL ") as refused:
        connect(url)
    assert "b64" not in "".join(traceback.format_exception(refused.value))


# --- what is kept ---------------------------------------------------------------------------

MOMENTS = [
    datetime.min.replace(tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999999, UTC),
    datetime(2026, 3, 29, 2, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    datetime(2026, 11, 1, 6, 30, 0, 1, UTC),  # within the hour that New York has twice
    datetime.max.replace(tzinfo=UTC),
]
ZONES = ["UTC", "America/New_York", "Asia/Kolkata", "Pacific/Kiritimati", "Pacific/Pago_Pago"]


def test_times_come_back_as_the_instants_they_were(engine: Engine) -> None:
    assert_times_come_back(engine)


def assert_times_come_back(engine: Engine) -> None:
    with cells(engine) as connection:
        kept = through(connection, "moment", MOMENTS)
        assert [(m, m.tzinfo) for m in kept] == [(m, UTC) for m in MOMENTS]
        epoch = select(func.extract("epoch", CELLS.c.moment)).where(CELLS.c.place == 2)
        assert int(connection.scalar(epoch)) == MOMENTS[2].timestamp()
        assert abs(database.now(connection) - datetime.now(UTC)) < timedelta(minutes=5)


@pytest.mark.parametrize("owner", ["database {0}", "role {1} in database {0}"])
def test_times_do_not_depend_on_the_zone_of_a_session(postgres_url: str, owner: str) -> None:
    url, engine = make_url(postgres_url), connect(postgres_url)
    whose = owner.format(url.database, f'"{url.username}"')
    for zone in ZONES:
        with database.transaction(engine) as connection:
            connection.execute(text(f"alter {whose} set timezone to '{zone}'"))
        assert_times_come_back(engine)


def test_time_without_a_zone_is_refused(engine: Engine) -> None:
    """It is our mistake, and must not be called the database's, which would be tried again."""
    attempt = select(SYNC_RUNS).where(SYNC_RUNS.c.started_at == datetime(2026, 1, 1))
    with pytest.raises(StatementError, match="without a zone"), database.reading(engine) as reader:
        reader.execute(attempt)


def test_json_comes_back_as_it_was(engine: Engine) -> None:
    values = [
        None, True, False, 0, -1, 1.5, 10**30, 12345678901234567890, "", "null", "1", "ü\n\t\"'\\",
        [], {}, [None], {"": None}, {"b": [1, {"a": "\u2028😀"}], "a": 1.0}, [[[[]]]],
    ]  # fmt: skip
    with cells(engine) as connection:
        kept = through(connection, "anything", values)
        nulls = connection.scalars(select(CELLS.c.place).where(CELLS.c.anything.is_(None)))
        assert nulls.all() == [0]
    assert [(type(v), v) for v in kept] == [(type(v), v) for v in values]


def test_fill_keeps_awkward_cells(engine: Engine) -> None:
    words = [
        None, "", " ", "\t", "\n", "\r\n", "\\", "\\N", "\\.", "\\.\n", "\\t", "N", "null", "'",
        '"', "a\tb\nc\\d", "%s ? :x $1", "ünï-😀-\u2028-\ufeff", "\x01\x7f", "x" * 100_000,
    ]  # fmt: skip
    others = [(True, b"\x00\xff\\x"), (False, b""), (None, None)]
    last = ("2026-11-20 03:00:00.000001+00:00", '{"a":"\\t\\\\N"}')
    kept = (datetime(2026, 11, 20, 3, microsecond=1, tzinfo=UTC), {"a": "\t\\N"})
    cases = [(2**63 - 1 - n, word, *others[n % 3]) for n, word in enumerate(words)]
    with cells(engine) as connection:
        database.fill(connection, CELLS, ((*case, *last) for case in cases))
        database.fill(connection, CELLS, [])
        found = connection.execute(select(CELLS).order_by(CELLS.c.place.desc())).all()
    assert found == [(*case, *kept) for case in cases]


# --- transactions ---------------------------------------------------------------------------


@pytest.mark.parametrize("statement", ["delete from sync_runs", "drop view task_history"])
def test_reading_cannot_write(engine: Engine, statement: str) -> None:
    before = everything(engine)
    with pytest.raises(FixSettings, match=r"read-?only"), database.reading(engine) as connection:
        connection.execute(text(statement))
    assert everything(engine) == before


def test_reading_sees_one_snapshot(engine: Engine) -> None:
    count = select(func.count()).select_from(SYNC_RUNS)
    with database.reading(engine) as connection:
        assert connection.scalar(count) == 0
        with database.transaction(engine) as other:
            add_run(other)
        assert connection.scalar(count) == 0
    with database.reading(engine) as connection:
        assert connection.scalar(count) == 1


def test_what_is_not_committed_leaves_nothing(engine: Engine) -> None:
    """Not even tables, which SQLite's driver would leave outside of the transaction."""

    def write(connection: Connection, *then: Exception) -> None:
        add_run(connection)
        connection.execute(text("alter table tasks rename to more"))
        connection.execute(text("create table tasks (x int)"))
        for error in then:
            raise error

    before = everything(engine)
    with database.rolled_back(engine) as connection:
        write(connection)
    with pytest.raises(OverflowError), database.transaction(engine) as connection:
        write(connection, OverflowError())
    assert everything(engine) == before


def test_session_is_left_as_it_was(postgres_url: str) -> None:
    """A transaction pooler hands it on, with whatever was set in it."""
    changed = "select name from pg_settings where source = 'session'"
    with connect(postgres_url, "elsewhere").connect() as connection:
        assert "search_path" in connection.scalars(text(changed)).all()
        connection.commit()
        session: Any = connection.connection.dbapi_connection
        session.autocommit = True
        assert session.execute(changed).fetchall() == []


# --- files ----------------------------------------------------------------------------------


def test_file_and_directory_are_made_for_their_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "not" / "yet" / "inventory.db"
    engine = connect(f"sqlite:///{file}")
    prepare(engine)
    with database.transaction(engine) as connection:
        connection.execute(text("create table more (x int)"))
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in file.parent.iterdir()}
    assert modes == dict.fromkeys(["inventory.db", "inventory.db-wal", "inventory.db-shm"], 0o600)
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_name_that_is_a_uri_is_a_file_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, here = tmp_path / "inventory.db", tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    with pytest.raises(FixSettings, match="unable to open database file"):
        upgrades.upgrade(connect(f"sqlite:///file:{file}?mode=rw&uri=true"))
    assert not file.exists()
    engine = connect(f"sqlite:///file:{file}?mode=rwc&uri=true")
    upgrades.upgrade(engine)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    also = runs.lock(connect(f"sqlite:///{file}"), "one")
    with runs.lock(engine, "one"), pytest.raises(AlreadyRunning), also:
        pass
    assert list(here.iterdir()) == []


def test_looking_for_a_file_does_not_make_it(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'folder' / 'inventory.db'}")
    assert schema.state_of(engine) is schema.State.EMPTY
    with pytest.raises(SchemaMismatch, match="holds no inventory yet: run `inventory sync`"):
        schema.require_current(engine)
    assert list(tmp_path.iterdir()) == []


def test_looking_at_a_file_of_others_changes_no_byte(tmp_path: Path) -> None:
    file = tmp_path / "theirs.db"
    with closing(sqlite3.connect(file)) as theirs:
        theirs.execute("create table tasks (theirs)")
    before = file.read_bytes()
    with pytest.raises(SchemaMismatch):
        prepare(connect(f"sqlite:///{file}"))
    assert file.read_bytes() == before


# --- errors ---------------------------------------------------------------------------------


def refusal(engine: Engine) -> InventoryError:
    """The error of an attempt to write; nothing in it or under it shows the password."""
    with pytest.raises(InventoryError) as error, database.transaction(engine) as connection:
        add_run(connection)
    assert str(error.value).startswith(refusals.describe(engine))
    assert PASSWORD not in "".join(traceback.format_exception(error.value))
    return error.value


@pytest.mark.parametrize("unknown", ["database", "username"])
def test_unknown_database_or_role_is_a_setting(postgres_server: str, unknown: str) -> None:
    url = make_url(postgres_server).set(password=PASSWORD, **{unknown: "nowhere"})
    error = refusal(connect(url.render_as_string(hide_password=False)))
    assert isinstance(error, FixSettings)
    assert '"nowhere" does not exist' in str(error)


def test_password_that_is_a_word_of_every_message_garbles_none() -> None:
    for url in ("postgresql://postgres:postgres@127.0.0.1:9/x", "postgresql://a:Inventory@h:9/x"):
        connect(url)
    words = "postgresql://postgres, `inventory sync`, Inventory"
    assert redaction.redacted(words) == words
    connect("postgresql://a:pass-word-6161@127.0.0.1:9/x?password=other-word-6161")
    assert "6161" not in redaction.redacted("pass-word-6161 other-word-6161")


def test_server_that_is_down_may_be_up_again() -> None:
    with closing(socket.socket()) as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        engine = connect(f"postgresql://u:{PASSWORD}@127.0.0.1:{nobody.getsockname()[1]}/d")
        assert isinstance(refusal(engine), DatabaseUnavailable)


@pytest.mark.parametrize("place", ["", "text.db", "text.db/inventory.db", "/proc/none/such.db"])
def test_path_that_cannot_hold_a_database_is_a_setting(tmp_path: Path, place: str) -> None:
    (tmp_path / "text.db").write_text("Dear diary, this is not a database. " * 9)
    assert isinstance(refusal(connect(f"sqlite:///{tmp_path / place}")), FixSettings)


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """A directory that lets nobody in: root, whom none keeps out, is somebody else meanwhile."""
    user = os.geteuid()
    tmp_path.chmod(0)
    os.seteuid(user or 65534)
    yield tmp_path
    os.seteuid(user)
    tmp_path.chmod(0o700)


@pytest.mark.parametrize("attempt", [refusal, schema.state_of, schema.require_current])
def test_directory_that_is_closed_is_a_setting(closed: Path, attempt: Any) -> None:
    with pytest.raises(FixSettings, match="Permission denied"):
        raise attempt(connect(f"sqlite:///{closed / 'inventory.db'}"))


def test_file_that_is_locked_may_be_free_again(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'inventory.db'}")
    sa.event.listen(engine, "connect", lambda raw, _: raw.execute("pragma busy_timeout = 0"))
    with database.transaction(engine), pytest.raises(DatabaseUnavailable, match="locked"):
        raise refusal(engine)


@pytest.mark.parametrize("kind", [ZeroDivisionError, KeyboardInterrupt, FixSettings])
def test_what_is_not_the_databases_passes_through(kind: type[BaseException]) -> None:
    ours = pytest.raises(kind, match=r"^ours$")
    with database.in_memory() as engine, ours, database.transaction(engine):
        raise kind("ours")
