"""Exports to an object store that speaks S3: what arrives there while it fails now and then."""

import io
import json
import os
import shutil
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from deltalake import DeltaTable
from sqlalchemy import select
from support.builders import Account, FakeClock, Item, api_settings, connect, item
from support.effort import Effort, few_of
from support.lake import FORMATS
from support.object_store import (
    BROKEN,
    BUCKET,
    INTERNAL_ERROR,
    LOST,
    SECRET,
    SLOW_DOWN,
    TOKEN,
    Call,
    ObjectStore,
    Refusal,
    content,
    object_store,
    put,
    use,
)

from inventory.cli import main
from inventory.column_types import Json
from inventory.db.engine import read_only
from inventory.db.views import VIEWS
from inventory.demo.fake_api import FakeApi
from inventory.errors import StorageUnavailableError
from inventory.export.object_stores import delta_options
from inventory.export.run import export
from inventory.export.storage import open_storage
from inventory.redaction import spellings
from inventory.sync.run import sync

TABLES = ("connector_history", "warning_history")
WARNING = {"code": "w", "message": "A warning", "details": None}
REFUSALS = (INTERNAL_ERROR, SLOW_DOWN, BROKEN, LOST)
# Where an ordinary run fails; a thorough one fails at each request of an increment.
SOME_REQUESTS = (0, 8, 14, 30)


def listed(run: int) -> list[Item]:
    """What the account lists in a run: each differs from the one before."""
    warned = {"warnings": [WARNING]} if run % 2 else {}
    return [item("one", paused=bool(run % 2)), item(f"since_{run // 3}", status=warned)]


Rows = Counter[tuple[Any, ...]]


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    with object_store() as running:
        yield running


@pytest.fixture(autouse=True)
def _user_of_the_store(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    use(store, monkeypatch)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    store.forget()


class World:
    """A database with one more run now and then, and a prefix of the store for its exports."""

    def __init__(self, file: Path, api: FakeApi, account: Account, output_format: str) -> None:
        self._engine, self._format = connect(f"sqlite:///{file}"), output_format
        self._api, self._account, self._clock = api, account, FakeClock()
        self.prefix = f"{output_format}/{file.stem}"
        self.url = f"s3://{BUCKET}/{self.prefix}"
        self._runs = 0

    def sync(self) -> None:
        self._account.connectors = listed(self._runs)
        sync(self._engine, api_settings(self._api), clock=self._clock)
        self._runs += 1
        self._clock.pass_a_day()

    def export(self) -> dict[str, int]:
        """Export; return how many rows were appended to each table."""
        result = export(self._engine, self.url, output_format=self._format, tables=TABLES)
        return {table.name: table.settled for table in result.tables}

    def assert_exported(self, store: ObjectStore) -> None:
        for table in TABLES:
            assert self._exported(store, table) == self._rows(table), table

    def _rows(self, table: str) -> Rows:
        view = VIEWS[table].table
        with read_only(self._engine) as connection:
            found = connection.execute(select(*(view.c[name] for name in columns_of(table))))
            return Counter(map(tuple, found))

    def _exported(self, store: ObjectStore, table: str) -> Rows:
        columns = columns_of(table)
        if self._format == "delta":
            of = DeltaTable(f"{self.url}/{table}", storage_options=options())
            parts = [of.to_pyarrow_table()]
        else:
            files = json.loads(content(store, f"{self.prefix}/_manifest.json"))["tables"][table]
            bodies = (content(store, f"{self.prefix}/{each['path']}") for each in files["files"])
            parts = [pq.read_table(io.BytesIO(body)) for body in bodies]
        rows = (row for part in parts for row in part.select(columns).to_pylist())
        return Counter(tuple(row.values()) for row in rows)


def options() -> dict[str, str]:
    return delta_options("s3", os.environ)


def columns_of(table: str) -> list[str]:
    return [each.name for each in VIEWS[table].table.c if not isinstance(each.type, Json)]


@pytest.fixture
def begin(
    sqlite_template: Path, tmp_path: Path, api: FakeApi, account: Account
) -> Callable[[str], World]:
    """Begins a world after one run."""

    def new(output_format: str) -> World:
        file = tmp_path / f"{tmp_path.name}-{output_format}.db"
        shutil.copyfile(sqlite_template, file)
        world = World(file, api, account, output_format)
        world.sync()
        return world

    return new


# --- exports that succeed -------------------------------------------------------------------


@pytest.mark.parametrize("output_format", FORMATS)
def test_rows_in_the_store_are_those_of_the_database(
    store: ObjectStore, begin: Callable[[str], World], output_format: str
) -> None:
    world = begin(output_format)
    assert world.export() == {"connector_history": 0, "warning_history": 0}
    world.assert_exported(store)
    world.sync()
    assert world.export() == {"connector_history": 1, "warning_history": 0}
    world.assert_exported(store)
    store.forget()
    assert world.export() == {"connector_history": 0, "warning_history": 0}
    assert "PUT" not in {call.method for call in store.calls if "_history/" in call.path}
    world.sync()
    assert world.export() == {"connector_history": 1, "warning_history": 1}
    world.assert_exported(store)


@pytest.mark.parametrize("first", few_of(range(len(REFUSALS)), [0]))
@pytest.mark.parametrize("output_format", FORMATS)
def test_every_request_that_fails_once_is_tried_again(
    store: ObjectStore, begin: Callable[[str], World], output_format: str, first: int
) -> None:
    """They fail in all ways, in turn."""
    world = begin(output_format)
    for _ in range(2):
        store.intercept = failing_once(first)
        world.export()
        store.forget()
        world.assert_exported(store)
        world.sync()


def test_delta_commit_whose_answer_is_lost_is_not_made_again(
    store: ObjectStore, begin: Callable[[str], World]
) -> None:
    world = begin("delta")
    for _ in range(2):  # the tables are created and filled, then there is more
        lost: set[Call] = set()

        def lose(_: int, call: Call, lost: set[Call] = lost) -> Refusal | None:
            if call.method != "PUT" or "/_delta_log/" not in call.path or call in lost:
                return None
            lost.add(call)
            return LOST

        store.intercept = lose
        world.export()
        assert lost
        store.forget()
        world.assert_exported(store)
        world.sync()


def failing_once(first: int) -> Callable[[int, Call], Refusal | None]:
    failed: set[Call] = set()

    def refusal(_: int, call: Call) -> Refusal | None:
        if call in failed:
            return None
        failed.add(call)
        return REFUSALS[(first + len(failed)) % len(REFUSALS)]

    return refusal


@pytest.mark.parametrize("output_format", FORMATS)
def test_export_that_a_failing_store_ends_is_continued_by_the_next(
    store: ObjectStore, begin: Callable[[str], World], tried: Effort, output_format: str
) -> None:
    world = begin(output_format)
    world.export()
    world.sync()
    store.forget()
    world.export()
    everything = range(len(store.calls))
    for at in tried.some(everything, [each for each in SOME_REQUESTS if each in everything]):
        world.sync()
        store.forget()
        store.intercept = lambda number, _, at=at: SLOW_DOWN if number >= at else None
        with pytest.raises(StorageUnavailableError, match=r"request rate|HTTP status 503"):
            world.export()
        store.forget()
        world.export()
        world.assert_exported(store)


# --- uploads that are broken off ------------------------------------------------------------


def test_upload_that_is_interrupted_leaves_nothing_behind(store: ObjectStore) -> None:
    storage = open_storage(f"s3://{BUCKET}/interrupted")
    with suppress(KeyboardInterrupt), storage.writing("table/part") as stream:
        stream.write(b"half of it")
        raise KeyboardInterrupt
    assert storage.names("table") == []


def test_object_holds_all_or_what_it_held_before(store: ObjectStore) -> None:
    storage = open_storage(f"s3://{BUCKET}/replaced")
    storage.replace("object", b"before")
    for at in range(2):  # the upload, the copy
        store.forget()
        store.intercept = lambda number, _, at=at: SLOW_DOWN if number >= at else None
        with pytest.raises(StorageUnavailableError):
            storage.replace("object", b"after")
        store.forget()
        assert content(store, "replaced/object") == b"before"
    storage.replace("object", b"after")
    assert storage.names("") == ["object"]
    assert content(store, "replaced/object") == b"after"


def test_part_of_an_upload_is_deleted_by_the_next_export(
    store: ObjectStore, begin: Callable[[str], World]
) -> None:
    world = begin("parquet")
    part = "connector_history/month=current/account=account_one/part-0123-00001.parquet"
    others = "connector_history/notes.txt"
    for name in (part, others):
        put(store, f"{world.prefix}/{name}", b"PAR1")
    world.export()
    names = open_storage(world.url).names("connector_history")
    assert part not in names
    assert others in names


# --- what a user is told --------------------------------------------------------------------

QUOTED = f"You sent {SECRET} {quote(SECRET, safe='')} {b64encode(SECRET.encode()).decode()} {TOKEN}"


def denied(code: str, status: str = "403 Forbidden") -> Refusal:
    return Refusal(status, code, QUOTED)


ADVICE = {
    denied("AccessDenied"): (2, "may list, read, write and delete"),
    denied("InvalidAccessKeyId"): (2, "credentials are wrong or have expired. Check AWS_ACCESS"),
    denied("SignatureDoesNotMatch"): (2, "credentials are wrong or have expired. Check AWS_ACCESS"),
    denied("ExpiredToken", "400 Bad Request"): (2, "credentials are wrong or have expired"),
    denied("AuthorizationHeaderMalformed", "400 Bad Request"): (2, "Set AWS_REGION"),
    denied("PermanentRedirect", "301 Moved Permanently"): (2, "Set AWS_REGION"),
    denied("RequestTimeTooSkewed"): (2, "clock"),
    denied("NoSuchBucket", "404 Not Found"): (2, "no such bucket"),
    denied("SlowDown", "503 Slow Down"): (1, "the next export continues"),
    denied("InternalError", "500 Internal Server Error"): (1, "the next export continues"),
}


@pytest.fixture
def database(sqlite_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copyfile(sqlite_template, tmp_path / "inventory.db")
    monkeypatch.setenv("INVENTORY_DATABASE_URL", f"sqlite:///{tmp_path / 'inventory.db'}")


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["export", *words, "--tables", "incidents"])


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("output_format", FORMATS)
def test_refusal_is_one_line_that_says_what_to_do(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch, output_format: str
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "0")
    asked = "_delta_log" if output_format == "delta" else "/"
    for refusal, (exit_code, words) in ADVICE.items():
        store.intercept = lambda _, call, refusal=refusal: refusal if asked in call.path else None
        result = run(f"s3://{BUCKET}/refused", "--format", output_format)
        assert (result.exit_code, result.stdout) == (exit_code, ""), (refusal, result.output)
        assert words in result.stderr, refusal
        assert result.stderr.startswith(f"Error: s3://{BUCKET}/refused ")
        assert result.stderr.count("\n") == 1
        assert "\x1b" not in result.stderr


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("output_format", FORMATS)
def test_secrets_are_in_no_output(
    store: ObjectStore, capfd: pytest.CaptureFixture[str], output_format: str
) -> None:
    asked = "_delta_log" if output_format == "delta" else "/"
    quoted = []
    for refusal in (denied("SignatureDoesNotMatch"), denied("SlowDown", "503 Slow Down"), None):
        store.intercept = lambda _, call, refusal=refusal: refusal if asked in call.path else None
        url = f"s3://{BUCKET}/secret-{output_format}"
        result = run(url, "--format", output_format, "-vv", "--debug")
        assert (result.exit_code == 0) == (refusal is None)
        printed = result.output + "".join(capfd.readouterr())
        for secret in (SECRET, TOKEN):
            assert not [each for each in spellings(secret) if each in printed]
        quoted.append(result.stderr.count("[secret]"))
    assert quoted[0] > 0


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("output_format", FORMATS)
def test_bucket_that_does_not_exist_is_named(output_format: str) -> None:
    result = run("s3://nothere/lake", "--format", output_format)
    assert result.exit_code == 2
    assert "s3://nothere/lake" in result.stderr
    assert "There is no such bucket. Create it, or pass another URL." in result.stderr


@pytest.mark.usefixtures("database")
def test_endpoint_that_cannot_be_reached_is_for_the_next_export(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    result = run(f"s3://{BUCKET}/lake")
    assert result.exit_code == 1
    assert "Check the network, and AWS_ENDPOINT_URL if it is set." in result.stderr
    monkeypatch.setenv("AWS_ENDPOINT_URL", "127.0.0.1:1")
    result = run(f"s3://{BUCKET}/lake")
    assert result.exit_code == 2
    assert "AWS_ENDPOINT_URL is not a URL" in result.stderr
