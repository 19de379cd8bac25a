"""Answers that nobody has thought of: the page reader, the normalizer and both databases."""

import json
import random
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from conftest import new_database
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, Text, cast, select
from worlds import T0, connect

from inventory import answers, changes, database, merge, runs, staging
from inventory.answers import Answer, Unusable
from inventory.columns import Json, UtcDateTime
from inventory.errors import InventoryError
from inventory.models import VERSIONED
from inventory.payload import COLUMNS, SECTIONS, Batch, Reader
from inventory.shapes import Shape
from inventory.spool import Spool
from inventory.versions import Moment

Item = dict[str, Any]
FEW = settings.default.max_examples // 10  # for examples that take ten times as long

# --- what may come --------------------------------------------------------------------------

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
any_text = (
    st.sampled_from(ODD) | st.text(st.characters(), max_size=9) | st.text("\\\"'u0x", max_size=9)
)
# A text that is JSON itself is opened where it fits no column; that has a test of its own.
texts = any_text.filter(lambda text: not text.lstrip().startswith(("{", "[")))
numbers = (
    st.integers(-(10**400), 10**400)
    | st.sampled_from([0, 360, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 10**4000])
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["-0.0", "360.0", "1E+5", "1E-400", "1E+400", "1E+5000"]).map(Decimal)
)
scalars = st.none() | st.booleans() | numbers | texts
# None says secret, and no two are the same once they are mended.
NAMES = ["", "\0", "a", "A", "a b", "é", "e\u0301", "0", "id", "status", "code", "\x1b", "x" * 300]


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Item]:
    return st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)


values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | objects(inner))


def having(fields: Iterable[str], **sections: st.SearchStrategy[Any]) -> st.SearchStrategy[Item]:
    """An object with some of these fields, each of any type, and some that nobody knows."""
    known = st.fixed_dictionaries({}, optional=dict.fromkeys(fields, values) | sections)
    return st.builds(dict.__or__, objects(values), known)


def listing(*fields: str) -> st.SearchStrategy[list[Any]]:
    """A list of such objects, some of which come again, or a list of anything."""
    elements = st.lists(having(fields) | scalars, max_size=3)
    return st.builds(lambda some, again: some + some[:again], elements, st.integers(0, 2))


alerts, tests = (
    listing("code", "message", "details"),
    listing("title", "status", "message", "details"),
)
STATES = ("setup_state", "sync_state", "update_state", "schema_status", "is_historical_sync")
statuses = having((*STATES, "rescheduled_for"), warnings=alerts | values, tasks=alerts | values)
NO_FIELD = re.compile("connector_id|schema_name|config_volatile|extra|.*_told")
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
    """JSON as the standard library writes it, but for a Decimal with the digits that it has."""
    if isinstance(value, dict):
        return f"{{{','.join(f'{json.dumps(name)}:{dumped(it)}' for name, it in value.items())}}}"
    if isinstance(value, list):
        return f"[{','.join(map(dumped, value))}]"
    return str(value) if isinstance(value, Decimal) else json.dumps(value)


def page_of(*listed: Item) -> bytes:
    return f'{{"code":"Success","data":{{"items":{dumped(list(listed))}}}}}'.encode()


def read(body: bytes, known: dict[str, bytes] | None = None) -> Batch:
    page = answers.list_page(Answer("/v1/connectors", 200, body, None))
    return Reader(known=known or {}, on_oddity=lambda *odd: None).read(page.items)


def told(batch: Batch) -> dict[str, list[Item]]:
    """The rows by column, without the fingerprints of what was read, in no order."""
    found = {}
    for section, names in COLUMNS.items():
        rows = [dict(zip(names, row, strict=True)) for row in batch.rows[section]]
        found[section] = sorted(
            ({name: cell for name, cell in row.items() if name != "fingerprints"} for row in rows),
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
def test_page_with_any_damage_is_an_error_of_ours_or_fit_for_both_databases(item, damage):
    body = page_of(item)
    for place, gone, put in damage:
        at = int(place * len(body))
        body = body[:at] + put + body[at + gone :]
    assert_survived(body)


@given(st.binary() | any_text.map(lambda text: json.dumps(text).encode()))
def test_any_bytes_in_any_place_are_an_error_of_ours_or_fit_for_both_databases(some):
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
        assert_survived(around.replace(b"%s", some))


def assert_survived(body: bytes) -> None:
    for status in (200, 302, 401, 404, 503):
        with suppress(Unusable, InventoryError):
            envelope = answers.success(Answer("/v1/account/info", status, body, None))
            assert answers.account_id_of(envelope).isprintable()
    with suppress(Unusable, InventoryError):
        assert_fit(read(body))


def assert_fit(batch: Batch) -> None:
    """No cell holds what PostgreSQL refuses: NUL, half a character, endless numbers."""
    for section, rows in told(batch).items():
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


@given(any_text | st.text("0123456789 :+-GMTJan,", max_size=40), st.floats(0, 4e9))
def test_any_retry_after_is_a_number_of_seconds_or_nothing(said, now):
    seconds = answers.seconds_to_wait(said, now)
    assert seconds is None or seconds >= 0


# --- the normalizer -------------------------------------------------------------------------

NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
NOT_SENT = re.compile("connector_id|fingerprint|ordinal|last_sync_failed|.*_told")


def meaning(leaf: Any) -> tuple[str, Any]:
    """What a value says, however it is written: 360.0 is "360", and 01:00Z is 02:00+01:00."""
    if isinstance(leaf, bool):
        return "truth", leaf
    # Halves of a character become one where they meet, and U+FFFD where they do not.
    text = str(leaf).replace("\0", "\ufffd").encode("utf-16", "surrogatepass")
    text = text.decode("utf-16", "replace")
    with suppress(ValueError, OverflowError):
        if (moment := datetime.fromisoformat(text)).tzinfo is not None:
            return "time", moment
    with suppress(ArithmeticError):
        return ("number", Decimal(text)) if NUMBER.fullmatch(text) else ("text", text)
    return "text", text


@given(items)
def test_nothing_that_was_told_is_lost(item):
    found: Counter[Any] = Counter()
    for section, rows in told(read(page_of(item))).items():
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
def test_order_of_names_and_of_what_has_no_order_changes_no_row(item, rng):
    again = dict(item)
    if isinstance(status := item.get("status"), dict):
        again["status"] = status | shuffled_lists(status, ("warnings", "tasks"), rng)
    again |= shuffled_lists(item, ("setup_tests",), rng)
    again = reordered(again, rng)
    batch = read(page_of(item))
    assert told(read(page_of(again))) == told(batch) == told(read(page_of(item)))


def shuffled_lists(of: Item, names: Iterable[str], rng: random.Random) -> Item:
    lists = {name: of[name] for name in names if isinstance(of.get(name), list)}
    return {name: rng.sample(one, len(one)) for name, one in lists.items()}


def reordered(value: Any, rng: random.Random) -> Any:
    """The same with its names in another order, at any depth."""
    if isinstance(value, dict):
        return {name: reordered(value[name], rng) for name in rng.sample([*value], len(value))}
    return [reordered(inner, rng) for inner in value] if isinstance(value, list) else value


@given(items)
def test_what_is_known_is_not_read_again(item):
    [status] = read(page_of(item)).rows["connector_status"]
    again = read(page_of(item), known={status[0]: status[-1]})
    assert (again.connector_ids, [*again.rows.values()]) == ([status[0]], [[]] * len(SECTIONS))


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


@given(listed=st.lists(items, min_size=1, max_size=4))
def test_usual_shapes_come_to_the_cells_that_each_value_comes_to(listed):
    body = page_of(*listed)
    at_once = read(body)
    with mock.patch.multiple(Shape, decode=no_shape, lay_out_all=no_shape):
        assert read(body) == at_once


def no_shape(_shape: Shape, _raw: Any) -> None:
    """Find that nothing is of a usual shape."""


@settings(max_examples=FEW)
@given(listed=st.lists(items, min_size=1, max_size=12))
def test_both_databases_hold_what_was_read(engines, listed):
    batch = read(page_of(*(item | {"id": f"c{number}"} for number, item in enumerate(listed))))
    wanted = expected(batch)
    for engine in engines:
        with closing(Spool()) as spool, database.rolled_back(engine) as connection:
            spool.add(batch)
            run_id = runs.start(connection, "account_one", lambda _: T0)
            staged = staging.stage(connection, spool, {}, set())
            merge.merge(connection, Moment("account_one", run_id, T0, None), staged)
            assert stored(connection) == wanted
            later = Moment("account_one", run_id, T0 + timedelta(days=1), T0)
            written = merge.merge(connection, later, staged)  # the same again: changes nothing
            assert set(changes.count(connection, later, written).values()) == {0}


Tables = dict[str, dict[tuple[Any, ...], Item]]


def expected(batch: Batch) -> Tables:
    """What was read, as values: by table, by key."""
    found: Tables = {}
    for versioned in VERSIONED:
        table = versioned.current
        rows = found[table.name] = {}
        for row in told(batch)[table.name]:
            cells = {name: cell for name, cell in row.items() if name in table.c}
            for name, cell in cells.items():
                if isinstance(table.c[name].type, Json):
                    cells[name] = exactly(cell)
                elif isinstance(table.c[name].type, UtcDateTime) and cell is not None:
                    cells[name] = datetime.fromisoformat(cell)
            rows[tuple(row[name] for name in versioned.key)] = cells
    return found


def stored(connection: Connection) -> Tables:
    """What a database holds, as the same values."""
    found: Tables = {}
    for versioned in VERSIONED:
        table, columns = versioned.current, []
        for name in COLUMNS[table.name]:
            if name in table.c and name != "fingerprints":
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
