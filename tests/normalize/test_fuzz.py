"""Generated responses, through the page reader, the normalizer and both databases."""

import json
import random
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, Text, cast, func, select
from support.builders import DIGEST_KEY, T0, connect
from support.databases import new_database

from inventory.api import headers, responses
from inventory.api.responses import Response, RetryableResponseError
from inventory.cli import main
from inventory.column_types import Json, UtcDateTime
from inventory.db.engine import read_only, rollback
from inventory.db.views import VIEWS
from inventory.demo.fake_api import FakeApi
from inventory.demo.fake_api import FakeResponse as Sent
from inventory.errors import InventoryError
from inventory.models import METADATA, VERSIONED, readable_tables
from inventory.normalize import item_reader
from inventory.normalize.normalizer import NormalizedBatch, Normalizer
from inventory.normalize.rows import COLUMNS
from inventory.normalize.struct_decoder import StructDecoder
from inventory.sync import (
    changes,
    merge,
    run_log,
    staging,
)
from inventory.sync.merge_context import MergeContext
from inventory.sync.spool import Spool

Item = dict[str, Any]
FEW = settings.default.max_examples // 10  # for examples that take ten times as long

# --- what the API may send ------------------------------------------------------------------

NONE, LATE = "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59.999999Z"
ODD = [
    "",
    "\0",
    "\ud83d",
    "\ude80",
    "\U0001f680",
    "e\u0301",
    "\ufffd",
    "\x1b]0;x\a",
    "\\N",
    "\\u0000",
]
ODD += [
    "360",
    "-0",
    "+5",
    "connected",
    "FAILED",
    "true",
    "2026-11-20T01:00:00.5Z",
    NONE,
    LATE,
    "%s",
]
texts = (
    st.sampled_from(ODD) | st.text(st.characters(), max_size=9) | st.text("\\\"'u0x", max_size=9)
)
numbers = (
    st.integers(-(10**400), 10**400)
    | st.sampled_from([0, 360, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 10**4000])
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["-0.0", "360.0", "1E+5", "1E-400", "1E+400", "1E+5000"]).map(Decimal)
)
scalars = st.none() | st.booleans() | numbers | texts
# None marks a secret, and no two are equal after invalid characters are replaced.
NAMES = ["", "\0", "a", "A", "a b", "é", "e\u0301", "0", "id", "status", "code", "\x1b", "x" * 300]


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Item]:
    return st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)


values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | objects(inner))


def having(fields: Iterable[str], **sections: st.SearchStrategy[Any]) -> st.SearchStrategy[Item]:
    """An object with some of these fields, each of any type, and some unknown fields."""
    known = st.fixed_dictionaries({}, optional=dict.fromkeys(fields, values) | sections)
    return st.builds(dict.__or__, objects(values), known)


def listing(*fields: str) -> st.SearchStrategy[list[Any]]:
    """A list of such objects, some of them repeated, or a list of anything."""
    elements = st.lists(having(fields) | scalars, max_size=3)
    return st.builds(lambda some, again: some + some[:again], elements, st.integers(0, 2))


alerts, tests = (
    listing("code", "message", "details"),
    listing("title", "status", "message", "details"),
)
STATES = ("setup_state", "sync_state", "update_state", "schema_status", "is_historical_sync")
statuses = having((*STATES, "rescheduled_for"), warnings=alerts | values, tasks=alerts | values)
NO_FIELD = re.compile("connector_id|schema_name|config_volatile|extra|has_.*")
FIELDS = [name for name in COLUMNS["connectors"] if not NO_FIELD.fullmatch(name)]
items = st.builds(
    dict.__or__,
    having(
        ("schema", "succeeded_at", "failed_at", *FIELDS),
        status=statuses | values,
        setup_tests=tests | values,
        connect_card=st.just({"token": "of the card"}),
    ),
    st.fixed_dictionaries({"id": st.sampled_from(["a", "a ", "é", "\U0001f680" * 63, "x" * 255])}),
)


def dumped(value: Any) -> str:
    """JSON as the standard library writes it, but a Decimal with all its digits."""
    if isinstance(value, dict):
        return f"{{{','.join(f'{json.dumps(name)}:{dumped(it)}' for name, it in value.items())}}}"
    if isinstance(value, list):
        return f"[{','.join(map(dumped, value))}]"
    return str(value) if isinstance(value, Decimal) else json.dumps(value)


def page_of(*listed: Item) -> bytes:
    return f'{{"code":"Success","data":{{"items":{dumped(list(listed))}}}}}'.encode()


def read(body: bytes, known: dict[str, bytes] | None = None) -> NormalizedBatch:
    page = responses.parse_page(Response("/v1/connectors", 200, body, None))
    reads = Normalizer(known=known or {}, on_anomaly=lambda *odd: None, digest_key=DIGEST_KEY)
    return reads.normalize(page.items)


def rows_of(batch: NormalizedBatch) -> dict[str, list[Item]]:
    """The rows by column, without the digests, in no order."""
    found = {}
    for section, names in COLUMNS.items():
        rows = [dict(zip(names, row, strict=True)) for row in batch.rows[section]]
        found[section] = sorted(
            ({name: cell for name, cell in row.items() if name != "digests"} for row in rows),
            key=repr,
        )
    return found


def is_json(section: str, name: str) -> bool:
    current = {versioned.current.name: versioned.current for versioned in VERSIONED}[section]
    return name in current.c and isinstance(current.c[name].type, Json)


def exactly(text: str | None) -> Any:
    return None if text is None else json.loads(text, parse_float=Decimal)


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from leaves(inner)
    else:
        yield value


# --- the page reader ------------------------------------------------------------------------

TOKENS = [
    b'"',
    b"\\",
    b"\\u0000",
    b"\\ud83d",
    b"\xff",
    b"\xed\xa0\x80",
    b"\0",
    b"\x1b",
    b"NaN",
    b"-",
]
TOKENS += [
    b"[" * 2000,
    b'{"a":' * 2000,
    b"9" * 5000,
    b"0." + b"9" * 20_000,
    b"1e9999999999999999999",
]
TOKENS += [
    b'"id":null,',
    b'"id":"b",',
    b'"items":[],',
    b'"data":1,',
    b'"code":"No",',
    b"\xef\xbb\xbf",
]
edits = st.tuples(
    st.floats(0, 1), st.integers(0, 9), st.sampled_from(TOKENS) | st.binary(max_size=3)
)


@given(items, st.lists(edits, max_size=6))
def test_damaged_page_is_a_known_error_or_can_be_stored_in_both_databases(item, damage):
    body = page_of(item)
    for place, gone, put in damage:
        at = int(place * len(body))
        body = body[:at] + put + body[at + gone :]
    assert_known_error_or_can_be_stored(body)


@given(st.binary() | texts.map(lambda text: json.dumps(text).encode()))
def test_any_bytes_anywhere_are_a_known_error_or_can_be_stored_in_both_databases(some):
    place = [
        b"%s",
        b'{"code":"Success","data":%s}',
        page_of({"id": "a", "new": 1}).replace(b"1", b"%s"),
    ]
    place += [
        b'{"code":"Success","data":{"items":[%s]}}',
        b'{"code":"Success","data":{"account_id":%s}}',
    ]
    for around in place:
        assert_known_error_or_can_be_stored(around.replace(b"%s", some))


def assert_known_error_or_can_be_stored(body: bytes) -> None:
    for status in (200, 302, 401, 404, 503):
        with suppress(RetryableResponseError, InventoryError):
            envelope = responses.parse_success(Response("/v1/account/info", status, body, None))
            assert responses.account_info_of(envelope).account_id.isprintable()
    with suppress(RetryableResponseError, InventoryError):
        assert_can_be_stored(read(body))


def assert_can_be_stored(batch: NormalizedBatch) -> None:
    """No cell holds what PostgreSQL rejects: NUL, lone surrogates, numbers that are too large."""
    for section, rows in rows_of(batch).items():
        for name, cell in ((name, cell) for row in rows for name, cell in row.items()):
            assert isinstance(cell, str | int | None), name
            if isinstance(cell, str):
                assert "\0" not in cell.encode().decode(), name
            elif cell is not None:
                assert -(2**63) <= cell < 2**63, name
            if is_json(section, name) and cell is not None:
                assert re.search(r"(?<!\\)(\\\\)*\\u(0000|d[89a-f])", cell) is None, name
                for number in (it for it in leaves(exactly(cell)) if isinstance(it, Decimal)):
                    assert abs(number.adjusted()) < 1000, name
                    assert number.as_tuple().exponent > -16_383, name


@given(texts | st.text("0123456789 :+-GMTJan,", max_size=40), st.floats(0, 4e9))
def test_any_retry_after_is_a_number_of_seconds_or_nothing(said, now):
    seconds = headers.seconds_to_wait(said, now)
    assert seconds is None or seconds >= 0


# --- the normalizer -------------------------------------------------------------------------

NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
NOT_SENT = re.compile("connector_id|content_hash|ordinal|last_sync_failed|has_.*")


def meaning(leaf: Any) -> tuple[str, Any]:
    """What a value means in any spelling: 360.0 is "360", and 01:00Z is 02:00+01:00."""
    if isinstance(leaf, bool):
        return "truth", leaf
    # Adjacent surrogates become one character, and lone ones U+FFFD.
    text = str(leaf).replace("\0", "\ufffd").encode("utf-16", "surrogatepass")
    text = text.decode("utf-16", "replace")
    with suppress(ValueError, OverflowError):
        if (moment := datetime.fromisoformat(text)).tzinfo is not None:
            return "time", moment
    with suppress(ArithmeticError):
        return ("number", Decimal(text)) if NUMBER.fullmatch(text) else ("text", text)
    return "text", text


@given(items)
def test_no_value_of_an_item_is_lost(item):
    found: Counter[Any] = Counter()
    for section, rows in rows_of(read(page_of(item))).items():
        for name, cell in ((name, cell) for row in rows for name, cell in row.items()):
            if not NOT_SENT.fullmatch(name):
                found.update(
                    map(meaning, leaves(exactly(cell) if is_json(section, name) else cell))
                )
    del item["id"]
    item.pop("connect_card", None)
    sent = Counter(meaning(leaf) for leaf in leaves(item) if leaf is not None)
    assert sent - found == Counter()
    assert "of the card" not in repr(found)


@given(items, st.randoms(use_true_random=False))
def test_order_of_names_and_of_unordered_lists_changes_no_row(item, rng):
    again = dict(item)
    if isinstance(status := item.get("status"), dict):
        again["status"] = status | shuffled_lists(status, ("warnings", "tasks"), rng)
    again |= shuffled_lists(item, ("setup_tests",), rng)
    again = reordered(again, rng)
    batch = read(page_of(item))
    assert rows_of(read(page_of(again))) == rows_of(batch) == rows_of(read(page_of(item)))


def shuffled_lists(of: Item, names: Iterable[str], rng: random.Random) -> Item:
    lists = {name: of[name] for name in names if isinstance(of.get(name), list)}
    return {name: rng.sample(one, len(one)) for name, one in lists.items()}


def reordered(value: Any, rng: random.Random) -> Any:
    """The same with its names in another order, at any depth."""
    if isinstance(value, dict):
        return {name: reordered(value[name], rng) for name in rng.sample([*value], len(value))}
    return [reordered(inner, rng) for inner in value] if isinstance(value, list) else value


@given(items)
def test_unchanged_item_is_not_read_again(item):
    [status] = read(page_of(item)).rows["connector_status"]
    again = read(page_of(item), known={status[0]: status[-1]})
    assert (again.connector_ids, [*again.rows.values()]) == ([status[0]], [[]] * len(COLUMNS))


# --- both databases -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def engines(
    postgres_server: str,
    postgres_template: str,
    sqlite_template: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[list[Engine]]:
    file = tmp_path_factory.mktemp("fuzz") / "inventory.db"
    shutil.copyfile(sqlite_template, file)
    with new_database(postgres_server, postgres_template) as url:
        yield [connect(f"sqlite:///{file}"), connect(url)]


telling = st.sampled_from(["https://me:hunter2@h/?sig=hunter2", '{"pin":"hunter2"}', "pw=hunter2"])
secrets = st.fixed_dictionaries(
    {},
    optional={
        "password": values | telling,
        "value": st.just(["hunter2"]),
        "link": telling,
        "external_secrets_keys_config": objects(values | st.just("hunter2")),
    },
)
secretive = st.builds(
    lambda whole, some, text: (
        whole
        | {"config": some, "schema": text, "new": [some], "setup_tests": [some, {"title": text}]}
    ),
    items,
    secrets,
    telling,
)


@given(listed=st.lists(items | secretive, min_size=1, max_size=4))
def test_decoding_to_structs_gives_the_same_cells_as_field_by_field(listed):
    body = page_of(*listed)
    at_once = read(body)
    assert "hunter2" not in repr(at_once)
    with mock.patch.multiple(StructDecoder, decode=of_another_type, coerce_list=of_another_type):
        assert read(body) == at_once


@given(listed=st.lists(items | secretive, min_size=1, max_size=4))
def test_lenient_decoding_gives_the_same_cells(listed):
    body = page_of(*listed)
    at_once = read(body)
    lenient = {name: partial(one, lenient=True) for name, one in item_reader._READERS.items()}
    with mock.patch.dict(item_reader._READERS, lenient):
        with_care = read(body)
    assert rows_of(with_care) == rows_of(at_once)


def of_another_type(*_: Any) -> None:
    """Find that every value is of another type."""


@settings(max_examples=FEW)
@given(listed=st.lists(items, min_size=1, max_size=12))
def test_both_databases_hold_what_was_read(engines, listed):
    batch = read(page_of(*(item | {"id": f"c{number}"} for number, item in enumerate(listed))))
    wanted = expected(batch)
    for engine in engines:
        with closing(Spool()) as spool, rollback(engine) as connection:
            spool.add(batch)
            run_id = run_log.start(connection, "account_one", lambda _: T0)
            staged = staging.stage(connection, spool, {}, set())
            merge.merge(connection, MergeContext("account_one", run_id, T0, None), staged)
            assert stored(connection) == wanted
            later = MergeContext("account_one", run_id, T0 + timedelta(days=1), T0)
            written = merge.merge(connection, later, staged)  # the same again: changes nothing
            assert set(changes.count_changes(connection, later, written).values()) == {0}


ODD_VALUES = [
    "[" * 900 + "]" * 900,
    '{"a":' * 2_000 + "NaN" + "}" * 2_000,
    '{"1e400":1e400,"b":[1E999999,-0,-0.0,NaN],"a":1,"a":2}',
    "9" * 5001,
    "0." + "9" * 20_000,
    '"\xff\0\x1b"',
    "[" * 98 + "1e999" + "]" * 98,
    "9" * 1000,
]


def odd_page(*values: str, also: str = "") -> bytes:
    """A page with these values in every place that takes any value, beside usual ones."""
    listed = ['{"id":"usual","status":{"sync_state":"paused"}}']
    for n, value in enumerate(values):
        alert = f'[{{"code":"c","message":{value},"details":{value},"new":{value}}},{value}]'
        parts = (
            f'"schema":{value},"new":{value},"config":{{"a":{value}{also}}},"setup_tests":{alert}'
        )
        status = f'{{"sync_state":{value},"new":{value},"warnings":{alert},"tasks":{alert}}}'
        listed.append(f'{{"id":"c{n}",{parts},"status":{status}}}')
    return f'{{"code":"Success","data":{{"items":[{",".join(listed)}]}}}}'.encode("latin-1")


def test_odd_items_stop_no_run_and_every_view_can_be_queried(
    engine: Engine, environment: dict[str, str], api: FakeApi
) -> None:
    def run(*words: str) -> str:
        result = CliRunner().invoke(main, words)
        assert (result.exit_code, "Traceback" in result.output) == (0, False), result.output[-500:]
        return result.stdout

    def sync(page: bytes) -> str:
        api.intercept = lambda request: (
            Sent(200, page) if request.path.endswith("/connectors") else None
        )
        return run("sync", "--quiet", "--format", "json")

    report = json.loads(sync(odd_page(*ODD_VALUES)))
    assert (report["added"], report["anomalies"] > len(ODD_VALUES)) == (len(ODD_VALUES) + 1, True)
    report = json.loads(sync(odd_page(*ODD_VALUES).replace(b'"new":', b'"new" : ')))
    assert (report["added"], report["changed"]) == (0, 0)
    report = json.loads(sync(odd_page(*ODD_VALUES, also=',"b":1').replace(b"]]]", b"],1]]")))
    assert report["changed"] == len(ODD_VALUES)
    for name in VIEWS:
        run("query", f"select * from {name}", "--format", "json")
    for table in readable_tables():
        run("query", f"select * from {table}", "--format", "csv")
    for words in (("status",), ("status", "c0"), ("history", "c1"), ("changes",), ("findings",)):
        json.loads(run(*words, "--format", "json"))
    big = f'{{"id":"big","config":{{"a":"{"x" * (30 << 20)}"}}}}'
    sync(odd_page(*ODD_VALUES)[:-3] + f",{big}]}}}}".encode())
    with read_only(engine) as connection:
        config = METADATA.tables["connectors"].c.config
        assert connection.scalar(select(func.max(func.length(cast(config, Text))))) > 30 << 20


Tables = dict[str, dict[tuple[Any, ...], Item]]


def expected(batch: NormalizedBatch) -> Tables:
    """The normalized rows as values, by table and key."""
    found: Tables = {}
    for versioned in VERSIONED:
        table = versioned.current
        rows = found[table.name] = {}
        for row in rows_of(batch)[table.name]:
            cells = {name: cell for name, cell in row.items() if name in table.c}
            for name, cell in cells.items():
                if isinstance(table.c[name].type, Json):
                    cells[name] = exactly(cell)
                elif isinstance(table.c[name].type, UtcDateTime) and cell is not None:
                    cells[name] = datetime.fromisoformat(cell)
            rows[tuple(row[name] for name in versioned.key)] = cells
    return found


def stored(connection: Connection) -> Tables:
    """The rows of a database as the same values."""
    found: Tables = {}
    for versioned in VERSIONED:
        table, columns = versioned.current, []
        for name in COLUMNS[table.name]:
            if name in table.c and name != "digests":
                is_text = isinstance(table.c[name].type, Json)
                columns.append(cast(table.c[name], Text).label(name) if is_text else table.c[name])
        rows = found[table.name] = {}
        for row in connection.execute(select(*columns)).mappings():
            cells = {
                name: exactly(cell) if is_json(table.name, name) else cell
                for name, cell in row.items()
            }
            rows[tuple(row[name] for name in versioned.key)] = cells
    return found
