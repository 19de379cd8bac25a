"""Every command in every environment exits by a documented code and prints lines for people.

1 = the next run may succeed, 2 = a setting must be corrected first, 3 = a person must look.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, make_url
from support.builders import (
    KEY,
    SECRET,
    Account,
    api_settings,
    connect,
    item,
    variables,
)
from support.databases import administrator, new_database
from support.effort import CHIEFLY_SQLITE, THOROUGH, Effort
from support.forks import NOBODY, Case, run_one

from inventory.cli import main
from inventory.db import revision
from inventory.db.engine import transaction
from inventory.demo.fake_api import FakeApi
from inventory.sync.run import sync


def of(names: set[str], *codes: int) -> dict[str, set[int]]:
    return {name: set(codes) for name in names}


PASSWORD = "pass-5150"
LOCK_TIMEOUT = ("--lock-timeout", "0.5")
READING = ("--attempts", "1", "--connect-timeout", "2", *LOCK_TIMEOUT)
COMMANDS: dict[str, tuple[str, ...]] = {
    "status": ("status",),
    "status of one": ("status", "c1"),
    "status as CSV": ("status", "--format", "csv"),
    "changes": ("changes",),
    "history": ("history", "c1"),
    "incidents": ("incidents",),
    "at": ("at", "0m"),
    "findings": ("findings",),
    "report": ("report", "--output", "-"),
    "check": ("check",),
    "metrics": ("metrics",),
    "runs": ("runs", "--format", "json"),
    "relations": ("query",),
    "query": ("query", "select count(*) from connectors"),
    "query of stdin": ("query", "-"),
    "query of a file": ("query", "--file", "/nowhere/x.sql"),
    "verify": ("db", "verify"),
    "grant": ("db", "grant-reader", "nobody_at_all"),
    "dashboards": ("dashboards",),
    "dictionary": ("schema", "--format", "markdown"),
    "schedule": ("schedule", "cron"),
    "help": ("--help",),
    "help of one": ("sync", "--help"),
    "version": ("--version",),
    "nothing": (),
    "nonsense": ("status", "--nonsense"),
    "dry prune": ("prune", "--older-than", "400d", "--dry-run", *LOCK_TIMEOUT),
    "dry redate": ("db", "redate", "--dry-run", *LOCK_TIMEOUT),
    "dry sync": ("sync", "--dry-run", *READING),
    "sync": ("sync", *READING),
    "talkative sync": ("sync", "--format", "json", "--log-format", "json", "-v", *READING),
    "prune": ("prune", "--older-than", "400d", *LOCK_TIMEOUT),
    "redate": ("db", "redate", *LOCK_TIMEOUT),
    "upgrade": ("db", "upgrade", *LOCK_TIMEOUT),
}
SYNCS = {"dry sync", "sync", "talkative sync"}
WRITES = {"dry redate", "prune", "redate", "upgrade", *SYNCS}
CREATE_TABLES = {"sync", "talkative sync", "upgrade"}
# Commands that never use the database, and those that fail on every database.
USAGE = {
    "dashboards",
    "dictionary",
    "schedule",
    "help",
    "help of one",
    "version",
    "nothing",
    "nonsense",
}
REFUSED = {"query of stdin", "query of a file", "grant"}
USE_DATABASE = COMMANDS.keys() - USAGE - REFUSED
USUAL = {name: {0} for name in COMMANDS} | of({*REFUSED, "nothing", "nonsense"}, 2)
USUAL["check"] = {0, 3}
USUAL["schedule"] = {0, 2}  # it reads the settings, and connects to nothing


@dataclass
class World:
    """A database with three connectors, in a folder that other users may enter."""

    folder: Path
    url: str
    resources: ExitStack

    @property
    def file(self) -> Path:
        return self.folder / "inventory.db"

    def execute(self, *statements: str) -> None:
        with transaction(connect(self.url)) as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)


Changes = dict[str, Any]  # what is unusual about a case: arguments of `Case`
Prepare = Callable[[World], Changes]


@dataclass
class Environment:
    """What is unusual, on which databases, and by which codes commands may exit then."""

    prepare: Prepare
    kinds: tuple[str, ...] = ("sqlite", "postgresql")
    # By command: the exit codes that replace the usual ones.
    instead: dict[str, set[int]] = field(default_factory=dict)
    also: set[int] = field(default_factory=set)  # exit codes that every command may have as well
    is_for_root: bool = False

    def codes(self, command: str) -> set[int]:
        return self.instead.get(command, USUAL[command]) | self.also


def env(**changes: str | None) -> Prepare:
    return lambda world: {"env": changes}


def url(rest: str) -> Prepare:
    """The same PostgreSQL database with more parameters."""
    return lambda world: {"env": {"INVENTORY_DATABASE_URL": world.url + rest}}


SETTINGS, AWAY = of(USE_DATABASE, 2), of({*USE_DATABASE, *REFUSED}, 1, 2)
SQLITE, POSTGRESQL = ("sqlite",), ("postgresql",)
HOMELESS = {"HOME": None, "XDG_DATA_HOME": None}


def no_user(world: World) -> Changes:
    for path in (world.folder, *world.folder.iterdir()):
        os.chown(path, 54321, 54321)
    return {"uid": 54321, "env": HOMELESS, "folder": "/"}


def no_user_and_no_url(world: World) -> Changes:
    return {"uid": 54321, "env": HOMELESS | {"INVENTORY_DATABASE_URL": None}, "folder": "/"}


def other_folder(mode: int, file: int) -> Prepare:
    def prepare(world: World) -> Changes:
        world.file.chmod(file)
        world.folder.chmod(mode)
        return {"uid": NOBODY, "folder": "/"}

    return prepare


def file_content(content: bytes) -> Prepare:
    def prepare(world: World) -> Changes:
        world.file.write_bytes(content)
        return {}

    return prepare


def executed(*statements: str) -> Prepare:
    def prepare(world: World) -> Changes:
        world.execute(*statements)
        return {}

    return prepare


def dropped(what: str) -> Prepare:
    """Drop a table or a view and, on PostgreSQL, what depends on it."""

    def prepare(world: World) -> Changes:
        world.execute(f"drop {what}{'' if world.file.exists() else ' cascade'}")
        return {}

    return prepare


def locked(world: World) -> Changes:
    """Let another session hold every lock for as long as the test lasts."""
    other = world.resources.enter_context(transaction(connect(world.url)))
    if world.file.exists():
        return {}
    other.exec_driver_sql("lock table connectors, inventory_runs in access exclusive mode")
    return url("&options=-c%20lock_timeout=100ms")(world)


def role(*statements: str, options: str = "login") -> Prepare:
    def prepare(world: World) -> Changes:
        name = f"r{make_url(world.url).database}"
        administrator(world.url).execute(f"create role {name} {options}")
        for statement in statements:
            world.execute(statement.format(role=name))
        address = make_url(world.url).set(username=name)
        return {"env": {"INVENTORY_DATABASE_URL": address.render_as_string(hide_password=False)}}

    return prepare


ENVIRONMENTS: dict[str, Environment] = {
    # the host
    "no user": Environment(no_user, SQLITE, is_for_root=True),
    "no user and no URL": Environment(no_user_and_no_url, SQLITE, SETTINGS, is_for_root=True),
    "no folder": Environment(lambda world: {"folder": "gone"}),
    "ASCII": Environment(env(PYTHONIOENCODING="ascii", LANG="C", LC_ALL="C")),
    "no zone": Environment(env(TZ="Nowhere/At")),
    "file as a zone": Environment(env(TZ=":/etc/passwd")),
    "no places": Environment(env(HOME="/nowhere", TMPDIR="/nowhere", XDG_CACHE_HOME="/proc/1/x")),
    "few files": Environment(lambda world: {"files": 5}, also={1, 2}),
    "files that may not grow": Environment(lambda world: {"size": 0}, also={1}),
    "closed umask": Environment(lambda world: {"umask": 0o777}),
    "no streams": Environment(
        lambda world: {"streams": dict.fromkeys(range(3), "closed")}, also={1}
    ),
    "no stdin": Environment(lambda world: {"streams": {0: "closed"}}),
    "full stdout": Environment(lambda world: {"streams": {1: "/dev/full"}}, also={1}),
    "full streams": Environment(
        lambda world: {"streams": {1: "/dev/full", 2: "/dev/full"}}, also={1}
    ),
    "no reader": Environment(lambda world: {"streams": {1: "gone", 2: "gone"}}),
    # the API
    "no key": Environment(env(FIVETRAN_API_KEY=None), instead=of(SYNCS, 2)),
    "quoted key": Environment(env(FIVETRAN_API_KEY="'abc'"), instead=of(SYNCS, 2)),
    "other key": Environment(env(FIVETRAN_API_KEY="other"), instead=of(SYNCS, 2)),
    "no API": Environment(env(FIVETRAN_API_URL="http://127.0.0.1:9"), instead=of(SYNCS, 1)),
    "bad proxy": Environment(
        env(
            FIVETRAN_API_URL="https://api.invalid", HTTPS_PROXY=f"socks5://u:{PASSWORD}@127.0.0.1:9"
        ),
        instead=of(SYNCS, 2),
    ),
    "proxy that refuses": Environment(
        env(FIVETRAN_API_URL="https://api.invalid", HTTPS_PROXY=f"http://u:{PASSWORD}@127.0.0.1:9"),
        instead=of(SYNCS, 1),
    ),
    "no authority": Environment(
        env(FIVETRAN_API_URL="https://api.invalid", REQUESTS_CA_BUNDLE="/nowhere.pem"),
        instead=of(SYNCS, 2),
    ),
    # the database, of either kind
    "no such scheme": Environment(env(INVENTORY_DATABASE_URL="oracle://h/d"), instead=SETTINGS),
    "empty URL": Environment(env(INVENTORY_DATABASE_URL=""), instead=SETTINGS),
    "newer tables": Environment(
        executed(f"update {revision.VERSION_TABLE} set version_num = '9999'"), instead=SETTINGS
    ),
    "a view is gone": Environment(dropped("view connector_health"), also={2, 3}),
    "a table is gone": Environment(dropped("table setup_tests"), also={2, 3}),
    "locked": Environment(locked, also={1}),
    # SQLite
    "no tables": Environment(
        file_content(b""),
        SQLITE,
        SETTINGS | of({*SYNCS, "upgrade"}, 0) | of({"prune", "redate"}, 0, 2),
    ),
    "no database": Environment(file_content(b"Dear diary. " * 99), SQLITE, SETTINGS),
    "folder of others": Environment(
        other_folder(0o755, 0o644), SQLITE, of(WRITES, 0, 2), is_for_root=True
    ),
    "file of others": Environment(other_folder(0o777, 0o600), SQLITE, SETTINGS, is_for_root=True),
    "closed folder": Environment(other_folder(0o700, 0o644), SQLITE, SETTINGS, is_for_root=True),
    "damage": Environment(
        file_content(b"SQLite format 3\0\x10\0\1\1\0" + b"\xa5" * 8000), SQLITE, also={2, 3}
    ),
    # PostgreSQL
    "server down": Environment(
        env(INVENTORY_DATABASE_URL=f"postgresql://u:{PASSWORD}@127.0.0.1:9/d"), POSTGRESQL, AWAY
    ),
    "no such database": Environment(
        lambda world: {"env": {"INVENTORY_DATABASE_URL": world.url.replace("/test_", "/no_")}},
        POSTGRESQL,
        SETTINGS,
    ),
    "no login": Environment(role(options="nologin"), POSTGRESQL, SETTINGS),
    "no rights": Environment(role(), POSTGRESQL, SETTINGS),
    "reader": Environment(
        role(
            "grant usage on schema public to {role}",
            "grant select on all tables in schema public to {role}",
        ),
        POSTGRESQL,
        of(WRITES, 0, 2),
    ),
    "cancelled": Environment(url("&options=-c%20statement_timeout=1ms"), POSTGRESQL, also={1}),
    "reads only": Environment(
        url("&options=-c%20default_transaction_read_only=on"), POSTGRESQL, of(WRITES, 0, 2)
    ),
    "other settings": Environment(
        url(
            "&options=-c%20TimeZone=Asia/Kathmandu%20-c%20DateStyle=SQL,DMY%20-c%20bytea_output=escape"
            "%20-c%20IntervalStyle=iso_8601%20-c%20standard_conforming_strings=off&client_encoding=LATIN1"
        ),
        POSTGRESQL,
    ),
    "no memory": Environment(
        url("&options=-c%20temp_file_limit=0%20-c%20work_mem=64kB"), POSTGRESQL, also={1}
    ),
}


@pytest.fixture
def world(kind: str, request: pytest.FixtureRequest) -> Iterator[World]:
    with TemporaryDirectory() as name, ExitStack() as resources:
        folder = Path(name)
        folder.chmod(0o755)
        if kind == "sqlite":
            shutil.copyfile(request.getfixturevalue("sqlite_template"), folder / "inventory.db")
            yield World(folder, f"sqlite:///{folder}/inventory.db", resources)
        else:
            server = request.getfixturevalue("postgres_server")
            with new_database(server, request.getfixturevalue("postgres_template")) as url:
                yield World(folder, url, resources)
                resources.close()


def marks(name: str, environment: Environment, kind: str) -> list[pytest.MarkDecorator]:
    """An ordinary test run tries half of the environments, each on one of the two databases."""
    is_tried = kind == environment.kinds[0] and name in [*ENVIRONMENTS][::2]
    is_thorough = [] if is_tried else [THOROUGH]
    is_other = environment.is_for_root and os.geteuid() != 0
    return [pytest.mark.skipif(is_other, reason="only root can become another user"), *is_thorough]


EVERYWHERE = [
    pytest.param(name, kind, marks=marks(name, environment, kind))
    for name, environment in ENVIRONMENTS.items()
    for kind in environment.kinds
]


@pytest.mark.parametrize(("name", "kind"), EVERYWHERE)
def test_every_command_exits_by_a_documented_code(
    name: str,
    kind: str,
    world: World,
    api: FakeApi,
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    tried: Effort,
) -> None:
    for variable, value in variables(api, world.url).items():
        monkeypatch.setenv(variable, value)
    account.connectors = [item("c0"), item("c1"), item("c2", schema="\N{ROCKET}")]
    sync(connect(world.url), api_settings(api))
    changes = ENVIRONMENTS[name].prepare(world)
    names = list(COMMANDS)
    at = 2 * list(ENVIRONMENTS).index(name)  # each command is among the few in some environment
    few = [names[(at + more) % len(names)] for more in range(2)]
    for command in tried.some(names, few):
        ended = run_one(Case(COMMANDS[command], **changes))
        assert ended.code in ENVIRONMENTS[name].codes(command), (command, ended)
        assert_plain(ended.out + ended.err, command)
        if command not in USAGE:
            errors = [line for line in ended.err.splitlines() if not line.startswith("{")]
            assert len(errors) <= 2, (command, ended)


def assert_plain(text: str, of: object) -> None:
    for words in ("Traceback", "bug in inventory", "ignored", KEY, SECRET, PASSWORD):
        assert words not in text, (of, text)
    assert not re.search("[a-z]Warning:", text), (of, text)


# --- unusual arguments ----------------------------------------------------------------------

UNUSUAL = (
    *("", " ", "-", "--", "-1", "0", "1e999", "nan", "9" * 400, "x" * 100_000, "../" * 2000),
    *("\udcff", "\N{ROCKET}", "\x1b[31m", "a\nb", "%s%n{}", "'; drop table connectors; --"),
    *("0001-01-01", "9999-12-31T23:59:59.999999", "36500d", "last-run", "now", "c1"),
)
BEFORE_ARGUMENT: list[tuple[str, ...]] = [
    *(("status",), ("status", "--group"), ("status", "--service"), ("status", "--health")),
    *(("changes",), ("changes", "--since"), ("changes", "--field"), ("history",), ("at",)),
    *(("incidents", "--since"), ("check", "--for"), ("check", "--max-age"), ("runs", "--limit")),
    *(("query",), ("query", "--file"), ("prune", "--older-than"), ("db", "grant-reader")),
    *(("sync", "--account"), ("sync", "--page-size"), ("sync", "--deadline"), ("status", "-q")),
    *(("report", "--output", "-", flag) for flag in ("--owner", "--days")),
    *(("sync", "--dry-run", "--account"), ("db",), ("db", "upgrade"), ()),
]


@pytest.mark.usefixtures("environment")
@CHIEFLY_SQLITE
def test_every_command_accepts_or_rejects_any_argument(
    engine: Engine, api: FakeApi, account: Account, tried: Effort, tmp_path: Path
) -> None:
    account.connectors = [item(f"c{number}") for number in range(3)]
    sync(engine, api_settings(api))
    everything = [(*words, argument) for words in BEFORE_ARGUMENT for argument in UNUSUAL]
    for words in tried.some(everything, everything[::7]):
        result = CliRunner().invoke(main, words)
        assert result.exit_code in (0, 1, 2, 3), (words, result)
        assert_plain(result.stderr, words)
