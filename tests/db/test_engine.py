"""Both databases store every value, reject what they must, and never show a password."""

import os
import re
import socket
import sqlite3
import stat
import traceback
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection, Engine, func, make_url, select, text
from sqlalchemy.exc import StatementError
from support.builders import connect, everything
from support.forks import (
    NOBODY,
    Case,
    Ended,
    run_one,
)

from inventory import redaction
from inventory.column_types import Json, UtcDateTime
from inventory.db import errors, locks, revision, session, sqlite, upgrade
from inventory.db.engine import copy_rows, file_of, in_memory, now, read_only, rollback, transaction
from inventory.errors import (
    AlreadyRunningError,
    ConfigurationError,
    DatabaseUnavailableError,
    InventoryError,
    NeedsAttentionError,
    SchemaVersionError,
)
from inventory.models import INVENTORY_RUNS
from inventory.sync import run_log
from inventory.sync.prepare import prepare

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
    with rollback(engine) as connection:
        CELLS.create(connection)
        yield connection


def through(connection: Connection, column: str, values: list[Any]) -> list[Any]:
    """Store the values, and return what comes back."""
    connection.execute(CELLS.insert(), [{"place": n, column: v} for n, v in enumerate(values)])
    return list(connection.scalars(select(CELLS.c[column]).order_by(CELLS.c.place)))


def add_run(connection: Connection) -> None:
    run_log.start(connection, "account_one", now)


@pytest.mark.parametrize(
    ("url", "described"),
    [
        ("postgres://u:hunter2-b64@h/d", "postgresql://u:***@h/d"),
        ("postgresql+psycopg://u:hunter2-b64@h:5/d", "postgresql://u:***@h:5/d"),
        ("postgresql://u@h/d?password=hunter2-b64", "postgresql://u:***@h/d"),
        ("postgresql://u:a/hunter2-b64?@h/d", "postgresql://u:***@h/d"),
        ("sqlite+pysqlite:////srv/inventory.db", "sqlite:////srv/inventory.db"),
        ("sqlite:///file:/srv/inventory.db?mode=ro&uri=true", "sqlite:////srv/inventory.db"),
    ],
)
def test_url_is_accepted_and_shown_without_its_password(url: str, described: str) -> None:
    assert errors.display_url(connect(url)) == described


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mysql://u:hunter2-b64@h/d",
        "postgresql+oracle://u:hunter2-b64@h/d",
        "postgresql://u:hunter2@-b64@h/d",  # an @ that should have been %40
        "postgresql://u:hunter2@-b64:x@h/d",
        "postgresql://u:hunter2-b64@h:port/d",
        "sqlite://hunter2-b64.db",  # a slash too few
    ],
)
def test_invalid_url_is_rejected_and_not_shown(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^INVENTORY_DATABASE_URL ") as refused:
        connect(url)
    assert "b64" not in "".join(traceback.format_exception(refused.value))


def test_a_snapshot_takes_one_session(engine: Engine) -> None:
    """Its tables are checked within it."""
    opened: list[object] = []
    sa.event.listen(engine, "connect", lambda *session: opened.append(session))
    with session.open_session(engine) as connection:
        assert connection.scalar(select(sa.func.count()).select_from(INVENTORY_RUNS)) == 0
    assert len(opened) == 1


# --- what is kept ---------------------------------------------------------------------------

MOMENTS = [
    datetime.min.replace(tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999999, UTC),
    datetime(2026, 3, 29, 2, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    datetime(2026, 11, 1, 6, 30, 0, 1, UTC),  # within the hour that New York has twice
    datetime.max.replace(tzinfo=UTC),
]
ZONES = ["UTC", "America/New_York", "Asia/Kolkata", "Pacific/Kiritimati", "Pacific/Pago_Pago"]


def test_times_are_read_as_they_were_written(engine: Engine) -> None:
    assert_times_come_back(engine)


def assert_times_come_back(engine: Engine) -> None:
    with cells(engine) as connection:
        kept = through(connection, "moment", MOMENTS)
        assert [(m, m.tzinfo) for m in kept] == [(m, UTC) for m in MOMENTS]
        epoch = select(func.extract("epoch", CELLS.c.moment)).where(CELLS.c.place == 2)
        assert int(connection.scalar(epoch)) == MOMENTS[2].timestamp()
        assert abs(now(connection) - datetime.now(UTC)) < timedelta(minutes=5)


@pytest.mark.parametrize("owner", ["database {0}", "role {1} in database {0}"])
def test_times_do_not_depend_on_the_zone_of_a_session(postgres_url: str, owner: str) -> None:
    url, engine = make_url(postgres_url), connect(postgres_url)
    whose = owner.format(url.database, f'"{url.username}"')
    for zone in ZONES:
        with transaction(engine) as connection:
            connection.execute(text(f"alter {whose} set timezone to '{zone}'"))
        assert_times_come_back(engine)


def test_time_without_a_zone_is_rejected(engine: Engine) -> None:
    """It is a bug of this tool, not a failure of the database that would be tried again."""
    attempt = select(INVENTORY_RUNS).where(INVENTORY_RUNS.c.started_at == datetime(2026, 1, 1))
    with pytest.raises(StatementError, match="without a zone"), read_only(engine) as reader:
        reader.execute(attempt)


def test_json_is_read_as_it_was_written(engine: Engine) -> None:
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
        copy_rows(connection, CELLS, ((*case, *last) for case in cases))
        copy_rows(connection, CELLS, [])
        found = connection.execute(select(CELLS).order_by(CELLS.c.place.desc())).all()
    assert found == [(*case, *kept) for case in cases]


# --- transactions ---------------------------------------------------------------------------


@pytest.mark.parametrize("statement", ["delete from inventory_runs", "drop view task_history"])
def test_reading_cannot_write(engine: Engine, statement: str) -> None:
    before = everything(engine)
    with pytest.raises(ConfigurationError, match=r"read-?only"), read_only(engine) as connection:
        connection.execute(text(statement))
    assert everything(engine) == before


def test_reading_sees_one_snapshot(engine: Engine) -> None:
    count = select(func.count()).select_from(INVENTORY_RUNS)
    with read_only(engine) as connection:
        assert connection.scalar(count) == 0
        with transaction(engine) as other:
            add_run(other)
        assert connection.scalar(count) == 0
    with read_only(engine) as connection:
        assert connection.scalar(count) == 1


def test_rolled_back_transaction_leaves_nothing(engine: Engine) -> None:
    """Not even tables, which SQLite's driver would leave outside of the transaction."""

    def write(connection: Connection, *then: Exception) -> None:
        add_run(connection)
        connection.execute(text("alter table tasks rename to more"))
        connection.execute(text("create table tasks (x int)"))
        for error in then:
            raise error

    before = everything(engine)
    with rollback(engine) as connection:
        write(connection)
    with pytest.raises(OverflowError), transaction(engine) as connection:
        write(connection, OverflowError())
    assert everything(engine) == before


def test_session_is_left_as_it_was(postgres_url: str) -> None:
    """A transaction pooler passes it on with all its settings."""
    changed = "select name from pg_settings where source = 'session'"
    with connect(postgres_url, "elsewhere").connect() as connection:
        assert "search_path" in connection.scalars(text(changed)).all()
        connection.commit()
        session: Any = connection.connection.dbapi_connection
        session.autocommit = True
        assert session.execute(changed).fetchall() == []


# --- files ----------------------------------------------------------------------------------


def test_file_and_directory_are_created_for_their_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "not" / "yet" / "inventory.db"
    engine = connect(f"sqlite:///{file}")
    prepare(engine)
    with transaction(engine) as connection:
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
    with pytest.raises(ConfigurationError, match="unable to open database file"):
        upgrade.upgrade(connect(f"sqlite:///file:{file}?mode=rw&uri=true"))
    assert not file.exists()
    engine = connect(f"sqlite:///file:{file}?mode=rwc&uri=true")
    upgrade.upgrade(engine)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    also = locks.lock(connect(f"sqlite:///{file}"), "one")
    with locks.lock(engine, "one"), pytest.raises(AlreadyRunningError), also:
        pass
    assert list(here.iterdir()) == []


NO_FILE = [
    *("sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///?mode=ro"),
    *("sqlite:///file:", "sqlite:///file:?uri=true", "sqlite:///file::memory:?uri=true"),
    *("sqlite:///file:x.db?mode=memory&uri=true", "sqlite:///x.db?mode=memory"),
]


@pytest.mark.parametrize("url", NO_FILE)
def test_url_without_a_file_is_rejected(url: str) -> None:
    with pytest.raises(ConfigurationError, match="names no file, so nothing would be stored"):
        connect(url)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///file:x.db?vfs=unix-none&uri=true",
        "sqlite:///x.db?nolock=1",
        "sqlite:///x.db?mode=ro&mode=rw",
        "sqlite:///x.db?mode=readonly",
        "sqlite:///file:x.db?uri=false",
        "sqlite:///file://elsewhere/x.db",
        "sqlite:///file:~/x.db",
        "sqlite:///~/x.db",
        "sqlite:///x%00.db",
    ],
)
def test_ambiguous_url_of_sqlite_is_rejected(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^INVENTORY_DATABASE_URL "):
        connect(url)


@pytest.mark.parametrize(
    "form",
    [
        "sqlite:///{}",
        "sqlite:///file:{}",
        "sqlite:///file:{}?mode=rw",
        "sqlite:///file://{}?mode=rwc&uri=true",
        "sqlite:///file://localhost{}",
        "sqlite:///file:{}#of-no-meaning",
        "sqlite:///{}?mode=ro&uri=true",
        "sqlite:///{}?mode=ro",
    ],
)
def test_each_form_of_a_url_names_one_file(
    tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lock goes by the same name; and no file of another name appears."""
    file, elsewhere = tmp_path / "inventory.db", tmp_path / "elsewhere"
    prepare(connect(f"sqlite:///{file}"))
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    engine = connect(form.format(file))
    assert file_of(engine) == file
    assert revision.state_of(engine) is revision.State.CURRENT
    if "mode=ro" in form:
        assert "readonly" in str(refusal(engine))
    else:
        with transaction(engine) as connection:
            add_run(connection)
        with read_only(connect(f"sqlite:///{file}")) as connection:
            assert connection.scalar(select(func.count()).select_from(INVENTORY_RUNS)) == 1
    with locks.lock(engine, "one"), pytest.raises(AlreadyRunningError):
        locks.lock(connect(f"sqlite:///{file}"), "one").__enter__()
    made = {each.name.partition("-")[0] for each in tmp_path.iterdir()}
    assert (made, list(elsewhere.iterdir())) == ({"inventory.db", "elsewhere"}, [])


def test_relative_name_stays_one_file_when_the_folder_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    engine = connect("sqlite:///a b%25.db")
    prepare(engine)
    monkeypatch.chdir("/")
    assert revision.state_of(engine) is revision.State.CURRENT
    assert (tmp_path / str(engine.url.database)).exists()


# --- files of other users -------------------------------------------------------------------

root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")


@pytest.fixture
def shared() -> Iterator[Path]:
    """A file of root that everybody may read, in a folder where only root may write."""
    with TemporaryDirectory() as name:
        file = Path(name) / "inventory.db"
        prepare(connect(f"sqlite:///{file}"))
        file.parent.chmod(0o755)
        file.chmod(0o644)
        yield file


def as_nobody(file: Path, *words: str) -> Ended:
    env = {"INVENTORY_DATABASE_URL": f"sqlite:///{file}"}
    return run_one(Case(words, env=env, uid=NOBODY, folder="/"))


ASKING = [
    *(("status",), ("changes",), ("incidents",), ("findings",), ("runs",), ("db", "verify")),
    *(("query",), ("query", "select count(*) from connectors"), ("at", "0m")),
]


@root
def test_reader_of_a_file_of_another_user_leaves_no_file_beside_it(shared: Path) -> None:
    for folder in (
        0o755,
        0o777,
    ):  # in a writable one it could lock the owner out
        shared.parent.chmod(folder)
        for words in ASKING:
            ended = as_nobody(shared, *words)
            assert (ended.code, "Error" in ended.err) == (0, False), (words, ended)
        assert [each.name for each in shared.parent.iterdir()] == ["inventory.db"]


@root
@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_reader_sees_what_is_committed_while_the_owner_writes(shared: Path, journal: str) -> None:
    count = ("query", "select count(*) as n from more", "--format", "csv")
    with closing(sqlite3.connect(shared, isolation_level=None)) as owner:
        owner.execute(f"pragma journal_mode = {journal}")
        owner.execute("create table more (x)")
        for number in range(2):
            owner.execute("begin immediate")
            owner.execute("insert into more values (1)")
            assert as_nobody(shared, *count).out == f"n\n{number}\n"
            owner.execute("commit")
        assert as_nobody(shared, *count).out == "n\n2\n"
    assert as_nobody(shared, *count).out == "n\n2\n"


@root
@pytest.mark.parametrize("closed", ["inventory.db", "inventory.db-wal", "inventory.db-shm"])
def test_missing_permission_is_named(shared: Path, closed: str) -> None:
    with closing(sqlite3.connect(shared, isolation_level=None)) as owner:
        owner.execute("create table more (x)")
        (shared.parent / closed).chmod(0o600)
        ended = as_nobody(shared, "status")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert f"Permission denied: '{shared.parent / closed}'" in ended.err


@root
def test_log_that_a_crash_left_is_recovered_by_the_owner(shared: Path) -> None:
    with closing(sqlite3.connect(shared, isolation_level=None)) as owner:
        owner.execute("create table more (x)")
        left = shared.with_name("inventory.db-wal").read_bytes()
    shared.with_name("inventory.db-wal").write_bytes(left)
    assert "inventory.db-shm'" in as_nobody(shared, "status").err
    assert revision.state_of(connect(f"sqlite:///{shared}")) is revision.State.CURRENT
    assert as_nobody(shared, "status").code == 0


@root
def test_missing_permission_to_write_is_reported(shared: Path) -> None:
    for words in (("sync", "--account", "a"), ("prune", "--older-than", "400d"), ("db", "upgrade")):
        key = {"FIVETRAN_API_KEY": "k" * 8, "FIVETRAN_API_SECRET": "s" * 8}
        env = key | {"INVENTORY_DATABASE_URL": f"sqlite:///{shared}"}
        ended = run_one(Case((*words, "--debug"), env=env, uid=NOBODY, folder="/"))
        assert (ended.code, "Permission denied" in ended.err) == (2, True), ended
    assert [each.name for each in shared.parent.iterdir()] == ["inventory.db"]


def test_read_without_a_lock_fails_if_the_file_was_written_meanwhile(
    tmp_path: Path,
) -> None:
    file = tmp_path / "inventory.db"
    engine = connect(f"sqlite:///{file}?mode=ro")
    prepare(connect(f"sqlite:///{file}"))
    with read_only(engine) as connection:  # nobody writes
        connection.scalar(text("select count(*) from inventory_runs"))

    def read_while_others_write() -> None:
        with read_only(engine) as connection:
            connection.scalar(text("select count(*) from inventory_runs"))
            with transaction(connect(f"sqlite:///{file}")) as other:
                add_run(other)

    with pytest.raises(DatabaseUnavailableError, match="was written while it was read"):
        read_while_others_write()


def test_reading_a_missing_file_does_not_create_it(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'folder' / 'inventory.db'}")
    assert revision.state_of(engine) is revision.State.EMPTY
    with pytest.raises(SchemaVersionError, match="has no inventory yet: run `inventory sync`"):
        revision.require_current(engine)
    assert list(tmp_path.iterdir()) == []


def test_file_of_another_tool_is_not_changed(tmp_path: Path) -> None:
    file = tmp_path / "theirs.db"
    with closing(sqlite3.connect(file)) as theirs:
        theirs.execute("create table tasks (theirs)")
    before = file.read_bytes()
    with pytest.raises(SchemaVersionError):
        prepare(connect(f"sqlite:///{file}"))
    assert file.read_bytes() == before


# --- errors ---------------------------------------------------------------------------------


def refusal(engine: Engine) -> InventoryError:
    """Return the error of an attempt to write; neither it nor its causes show the password."""
    with pytest.raises(InventoryError) as error, transaction(engine) as connection:
        add_run(connection)
    assert str(error.value).startswith(errors.display_url(engine))
    assert PASSWORD not in "".join(traceback.format_exception(error.value))
    return error.value


@pytest.mark.parametrize("unknown", ["database", "username"])
def test_unknown_database_or_role_is_a_configuration_error(
    postgres_server: str, unknown: str
) -> None:
    url = make_url(postgres_server).set(password=PASSWORD, **{unknown: "nowhere"})
    error = refusal(connect(url.render_as_string(hide_password=False)))
    assert isinstance(error, ConfigurationError)
    assert '"nowhere" does not exist' in str(error)


def test_password_that_is_a_common_word_is_not_masked() -> None:
    for url in ("postgresql://postgres:postgres@127.0.0.1:9/x", "postgresql://a:Inventory@h:9/x"):
        connect(url)
    words = "postgresql://postgres, `inventory sync`, Inventory"
    assert redaction.redacted(words) == words
    connect("postgresql://a:pass-word-6161@127.0.0.1:9/x?password=other-word-6161")
    assert "6161" not in redaction.redacted("pass-word-6161 other-word-6161")


def test_server_that_is_down_is_a_temporary_failure() -> None:
    with closing(socket.socket()) as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        engine = connect(f"postgresql://u:{PASSWORD}@127.0.0.1:{nobody.getsockname()[1]}/d")
        assert isinstance(refusal(engine), DatabaseUnavailableError)


@pytest.mark.parametrize("place", ["", "text.db", "text.db/inventory.db", "/proc/none/such.db"])
def test_path_that_cannot_be_a_database_is_a_configuration_error(
    tmp_path: Path, place: str
) -> None:
    (tmp_path / "text.db").write_text("Dear diary, this is not a database. " * 9)
    assert isinstance(refusal(connect(f"sqlite:///{tmp_path / place}")), ConfigurationError)


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """A directory without permissions; root, who ignores them, becomes another user meanwhile."""
    user = os.geteuid()
    tmp_path.chmod(0)
    os.seteuid(user or 65534)
    yield tmp_path
    os.seteuid(user)
    tmp_path.chmod(0o700)


@pytest.mark.parametrize("attempt", [refusal, revision.state_of, revision.require_current])
def test_closed_directory_is_a_configuration_error(closed: Path, attempt: Any) -> None:
    with pytest.raises(ConfigurationError, match="Permission denied"):
        raise attempt(connect(f"sqlite:///{closed / 'inventory.db'}"))


def test_locked_file_is_a_temporary_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_BUSY_SECONDS", 0)
    engine = connect(f"sqlite:///{tmp_path / 'inventory.db'}")
    with transaction(engine), pytest.raises(DatabaseUnavailableError, match="locked"):
        raise refusal(engine)


def test_error_of_copy_is_translated_like_any_other(postgres_url: str) -> None:
    engine = connect(postgres_url)
    words = rf"^{re.escape(errors.display_url(engine))} rejects a value .*out of range"
    with pytest.raises(NeedsAttentionError, match=words), cells(engine) as connection:
        copy_rows(connection, CELLS, [(2**63, None, None, None, None, None)])


def test_rejected_statement_is_shown_without_its_values(engine: Engine) -> None:
    with pytest.raises(ConfigurationError) as refused, transaction(engine) as connection:
        connection.execute(text("select * from nowhere where word = :word"), {"word": PASSWORD})
    shown = "".join(traceback.format_exception(refused.value))
    assert "nowhere" in shown
    assert PASSWORD not in shown


@pytest.mark.parametrize("kind", [ZeroDivisionError, KeyboardInterrupt, ConfigurationError])
def test_other_errors_pass_through(kind: type[BaseException]) -> None:
    ours = pytest.raises(kind, match=r"^ours$")
    with in_memory() as engine, ours, transaction(engine):
        raise kind("ours")
