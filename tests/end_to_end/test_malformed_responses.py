"""Answers that nobody should send, through the command: a clear error or a faithful row."""

import contextlib
import csv
import io
import json
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import repeat
from typing import Any
from urllib.parse import quote

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, Text, cast, select
from support import endless
from support.builders import (
    Account,
    everything,
    item,
    measured,
    rows,
    undigested,
)
from support.effort import (
    CHIEFLY_SQLITE,
    THOROUGH,
    Effort,
    few_of,
)

from inventory.cli import main
from inventory.db.engine import read_only
from inventory.demo.fake_api import FakeApi, FakeResponse, Request
from inventory.models import METADATA

Run = Callable[..., Result]
DEEP = 1_000_000


@pytest.fixture
def run(environment: dict[str, str]) -> Run:
    """The command, with the settings of a user; the answers are real HTTP."""
    return lambda *words: CliRunner().invoke(main, words)


def page(*items: bytes) -> bytes:
    return b'{"code":"Success","data":{"items":[%s]}}' % b",".join(items)


def one(connector_id: str = "fair_wind", **fields: bytes) -> bytes:
    """The item of one connector, its fields given as they are to stand in the answer."""
    parts = [b'"%s":%s' % (name.encode(), value) for name, value in fields.items()]
    return b'{"id":"%s",%s}' % (connector_id.encode(), b",".join(parts))


def listing(body: bytes) -> Callable[[Request], FakeResponse | None]:
    """Send this in the place of each page; what else is asked goes through."""
    return lambda request: FakeResponse(200, body) if "limit" in request.query else None


def assert_one_line(result: Result, hostile: str) -> None:
    """The answer was refused: whose fault it is not is a matter of the exit code."""
    assert (result.exit_code in (1, 3), result.stdout) == (True, ""), hostile
    line, end = result.stderr[:-1], result.stderr[-1]
    assert (line.startswith("Error: "), line.isprintable(), end) == (True, True, "\n"), hostile
    assert "bug in inventory" not in line, hostile


# --- what no row can be made of -------------------------------------------------------------

NESTED, TEXT_ID = b"[" * DEEP + b"]" * DEEP, b'{"id":"%s"}'
REFUSED = {
    "deep body": NESTED,
    "deep body of objects": b'{"a":' * DEEP,
    "deep data": b'{"code":"Success","data":%s}' % NESTED,
    "deep item": page(NESTED),
    "deep id": page(b'{"id":%s}' % NESTED),
    "no UTF-8 in the code": b'{"code":"\xff"}',
    "UTF-16": page().decode().encode("utf-16"),
    "id of 10,000 characters": page(TEXT_ID % (b"x" * 10_000)),
    "id of 64 emoji": page(TEXT_ID % ("\N{ROCKET}" * 64).encode()),
    "id that is no UTF-8": page(TEXT_ID % b"\xff"),
    "id with NUL as a byte": page(TEXT_ID % b"\0"),
    "id that is no number": page(b'{"id":NaN}'),
    "a word that is none": page(one(new=b"NaN", x=b"nan")),
    "id with a NUL": page(TEXT_ID % b"a\\u0000"),
    "id with half an emoji": page(TEXT_ID % b"\\ud83d"),
    "id with an escape": page(TEXT_ID % b"\\u001b[2J"),
    "id with a C1 control": page(TEXT_ID % "a\x9b".encode()),
    "id that turns the line around": page(TEXT_ID % "a\N{RIGHT-TO-LEFT OVERRIDE}".encode()),
    "id that leads to another question": page(TEXT_ID % b".."),
    "second id that is none": page(b'{"id":"a","id":null}'),
    "second code": page().replace(b'"data"', b'"code":"\x9b\\u001b]0;x\\u0007","data"'),
    "code that steers": b'{"code":"\\u001b]0;x\\u0007\\n"}',
    "a swarm of values": page(one(new=b"[%s0]" % (b"0," * 4_000_000))),
    "a swarm of items": page(b"{}," * 4_000_000 + b"{}"),
    "cursor that is a number": b'{"code":"Success","data":{"items":[],"next_cursor":1}}',
}


@CHIEFLY_SQLITE
def test_what_no_row_can_be_made_of_is_an_error_in_one_line_and_changes_nothing(
    engine: Engine, run: Run, api: FakeApi, account: Account, tried: Effort
) -> None:
    account.connectors = [item("fair_wind"), item("other")]
    assert run("sync").exit_code == 0
    before = everything(engine, but=("inventory_runs",))
    refused = REFUSED if tried.share else list(REFUSED)[::3]
    for hostile in refused:
        api.intercept = listing(REFUSED[hostile])
        assert_one_line(run("sync", "--attempts", "1"), hostile)
        assert everything(engine, but=("inventory_runs",)) == before, hostile
    account.connectors[0]["paused"] = True
    api.intercept = lambda request: None
    assert "changed 1," in run("sync").stdout
    statuses = [status for _, status in sorted(rows(engine, "inventory_runs", "run_id", "status"))]
    assert statuses == ["succeeded", *["failed"] * len(refused), "succeeded"]


def test_account_whose_id_is_none_must_be_named(engine: Engine, run: Run, api: FakeApi) -> None:
    ids = b'"\xff"', b'"x\\u001b]0;x\\u0007\\n"', b'"%s"' % (b"x" * 10_000), NESTED, b'"\\ud83d"'
    for account_id in ids:
        info = b'{"code":"Success","data":{"account_id":%s}}' % account_id
        api.intercept = lambda request, info=info: (
            FakeResponse(200, info) if request.path.endswith("info") else None
        )
        assert_one_line(run("sync", "--attempts", "1"), repr(account_id[:9]))
    assert rows(engine, "inventory_runs", "status", "account_id") == [("failed", None)] * len(ids)
    assert run("sync", "--account", "mine").exit_code == 0


def test_answer_about_one_connector_that_is_unreadable_removes_and_prints_nothing(
    engine: Engine, run: Run, api: FakeApi, account: Account
) -> None:
    account.connectors = [item("fair_wind")]
    run("sync")
    account.connectors = []
    for hostile in (NESTED, one(schema=b"\xff"), TEXT_ID % b"\\u001b[2J", b'{"id":"another"}'):
        answer = FakeResponse(200, b'{"code":"Success","data":%s}' % hostile)
        api.intercept = lambda request, answer=answer: None if request.query else answer
        words = ("--accept-removals", "--attempts", "1", "--account", account.account_id)
        result = run("sync", *words)
        assert (result.exit_code, "no lookup gave a clear result" in result.stdout) == (0, True)
        assert "\x1b" not in result.output
        assert rows(engine, "connectors", "removed_at") == [(None,)]


# --- what is kept as it was sent ------------------------------------------------------------

DIGITS = "1234567890" * 40
VALUES: dict[str, tuple[str, Any]] = {
    "an integer of 400 digits": (DIGITS, int(DIGITS)),
    "and a negative one": (f"-{DIGITS}", -int(DIGITS)),
    "a fraction of 400 digits": (f"0.{DIGITS}", Decimal(f"0.{DIGITS}")),
    "digits on both sides": (f"{DIGITS}.{DIGITS}", Decimal(f"{DIGITS}.{DIGITS}")),
    "more digits than any database takes": ("0." + DIGITS * 50, "0." + DIGITS * 50),
    "what a float cannot hold": ("1e400", 10**400),
    "what a float rounds": ("0.1000000000000000055511151231257827", None),
    "what a float takes for nothing": ("1e-400", Decimal("1e-400")),
    "an exponent that no database takes": ("1e99999", "1e99999"),
    "an exponent that nothing takes": ("1e999999999999999999999", "1e999999999999999999999"),
    "nothing below nothing": ("-0.0", 0),
    "a number with an exponent": ("1E5", 100_000),
    "the next integer after the last float": ("9007199254740993", None),
    "NUL": (r'"a\u0000b"', "a\ufffdb"),
    "a NUL that is none": (r'"\\u0000"', r"\u0000"),
    "half an emoji": (r'"\ud83d!"', "\ufffd!"),
    "two halves the wrong way round": (r'"\ude80\ud83d"', "\ufffd\ufffd"),
    "an emoji in halves": (r'"\ud83d\ude80"', "\N{ROCKET}"),
    "what is no character": ('"\ufffe\uffff\U0010ffff"', None),
    "escapes of a terminal": (
        r'"\u001b]0;x\u0007\u009b2J\u202e\r\n"',
        "\x1b]0;x\a\x9b2J\u202e\r\n",
    ),
    "signs that COPY reads": (r'"\\N\t\\.\n\\."', "\\N\t\\.\n\\."),
    "signs that SQL reads": ('"\'; drop table connectors; -- %s %(x)s :x $1 ?"', None),
    "a name that is empty": ('{"":{"":[]}}', None),
    "a name with a NUL": (r'{"\u0000":1}', {"\ufffd": 1}),
    "a name that comes twice": ('{"a":1,"b":2,"a":{"c":1,"c":3}}', {"a": {"c": 3}, "b": 2}),
    "a long text": (f'"{"é" * 100_000}"', None),
    "nested 98 deep": ("[" * 98 + "]" * 98, None),
    "NaN": ("NaN", "NaN"),
    "what is infinite": ("[-Infinity]", ["-Infinity"]),
    "an integer of 5,000 digits": ("9" * 5000, "9" * 5000),
    "bytes that are no UTF-8": ('"a\udcff"', "a\ufffd"),
    "NUL and a control character as bytes": ('"\0\x1b[2J"', "\ufffd\x1b[2J"),
    "a name that is no UTF-8": ('{"\udcff":1}', {"\ufffd": 1}),
}
JSON_CELLS = ("config", "extra"), ("extra",), *[("details", "extra")] * 3
TABLES = ("connectors", "connector_status", "warnings", "tasks", "setup_tests")
exactly = partial(json.loads, parse_float=Decimal)


def json_cells(engine: Engine) -> dict[str, list[Any]]:
    """Every JSON cell of each connector, digit by digit."""
    found: dict[str, list[Any]] = {}
    with read_only(engine) as connection:
        for table, names in zip(TABLES, JSON_CELLS, strict=True):
            columns = METADATA.tables[table].c
            texts = [cast(columns[name], Text) for name in names]
            for connector_id, *cells in connection.execute(select(columns.connector_id, *texts)):
                found.setdefault(connector_id, []).extend(exactly(cell or "null") for cell in cells)
    return found


def test_value_comes_back_as_it_was_sent_from_every_json_cell(
    engine: Engine, run: Run, api: FakeApi
) -> None:
    items, wanted = [], {}
    for name, (text, stored) in VALUES.items():
        sent = text.encode(errors="surrogateescape")
        kept = exactly(text) if stored is None else stored
        extra = {"new": kept}
        alert = b'[{"message":"m","details":%s,"new":%s}]' % (sent, sent)
        status = b'{"new":%s,"warnings":%s,"tasks":%s}' % (sent, alert, alert)
        new = b'{"new":%s}' % sent
        items.append(one(name, config=new, new=sent, status=status, setup_tests=alert))
        wanted[name] = [extra] * 3 + [kept, extra] * 3
    api.intercept = listing(page(*items))
    result = run("sync")
    odd = [line for line in result.stderr.splitlines() if "nested too deeply" not in line]
    assert (result.exit_code, odd) == (0, [])
    found = json_cells(engine)
    assert [name for name in wanted if found[name] != wanted[name]] == []
    # Other bytes, so that all is read again; and nothing is new.
    api.intercept = listing(page(*(each.replace(b'"new":', b'"new": ') for each in items)))
    assert "Added 0, changed 0, removed 0." in run("sync").stdout
    assert json_cells(engine) == found


END = "9999-12-31T23:59:59"
FITTING = [
    ("schema", r'"\u0000\ud800\u001b]0;x\u0007"', "schema_name", "\ufffd\ufffd\x1b]0;x\a"),
    ("service", r'"\\N\t\\.\n"', "service", "\\N\t\\.\n"),
    ("group_id", '""', "group_id", ""),
    ("paused", "null", "paused", None),
    ("sync_frequency", "3.6e2", "sync_frequency", 360),
    ("service_version", '"-9223372036854775808"', "service_version", -(2**63)),
    ("created_at", '"0001-01-01T00:00:00Z"', "created_at", datetime(1, 1, 1, tzinfo=UTC)),
    ("created_at", f'"{END}.999999Z"', "created_at", datetime.max.replace(tzinfo=UTC)),
    ('schema":"first","schema', '"last"', "schema_name", "last"),
]
MISFITS = [
    ("service_version", "9" * 400, int("9" * 400)),
    ("sync_frequency", "1e99", Decimal("1e99")),
    ("created_at", '"0000-01-01T00:00:00Z"', "0000-01-01T00:00:00Z"),
    ("created_at", f'"{END}-01:00"', f"{END}-01:00"),
    ("created_at", f'"{"2" * DEEP}"', "2" * DEEP),
    ("schedule", r'"{\"pin\":1,\"a\":\"b\"}"', '{"a":"b","pin":"******"}'),
    ("schema", r'{"\u0000":"\udfff"}', {"\ufffd": "\ufffd"}),
    ('status":{"sync_state":"first"},"status', "[]", []),
]  # fmt: skip


def test_field_keeps_what_fits_and_extra_what_does_not(
    engine: Engine, run: Run, api: FakeApi
) -> None:
    fitting = [one(f"c{n}", **{name: sent.encode()}) for n, (name, sent, *_) in enumerate(FITTING)]
    misfits = [one(f"m{n}", **{name: sent.encode()}) for n, (name, sent, _) in enumerate(MISFITS)]
    twice = b'{"id":"first","status":{"x":1,"x":2},"id":"last"}'
    api.intercept = listing(page(*fitting, *misfits, twice))
    assert run("sync").exit_code == 0
    for n, (_, _, column, kept) in enumerate(FITTING):
        assert (f"c{n}", kept) in rows(engine, "connectors", "connector_id", column)
    extras = {connector_id: cells[1] for connector_id, cells in json_cells(engine).items()}
    for n, (name, _, kept) in enumerate(MISFITS):
        extra = extras[f"m{n}"]
        found = {at: undigested(it) if type(it) is str else it for at, it in extra.items()}
        assert found == {name.rpartition('"')[2]: kept}
    assert ("last", {"x": 2}) in rows(engine, "connector_status", "connector_id", "extra")
    assert len(extras) == len(FITTING) + len(MISFITS) + 1


IDS = [
    *("a", "A", "a ", " a", "é", "e\u0301", "ß", "ss", "ﬁ", "fi", "0", "00", "null", "%s", "a\\"),
    *("'; drop table connectors; --", "../a", "a/b?c#d", "a%2Fb", "x" * 255, "\N{ROCKET}" * 63),
]


def test_ids_that_look_alike_are_connectors_of_their_own(
    engine: Engine, run: Run, api: FakeApi, account: Account
) -> None:
    title = "".join(chr(0x10000 + 977 * n) for n in range(500))  # as long a key as there may be
    account.connectors = [item(each, setup_tests=[{"title": title}]) for each in IDS]
    assert "Added 21, changed 0, removed 0." in run("sync").stdout
    shown, hidden = account.connectors[::2], account.connectors[1::2]
    for each in shown:
        each["paused"] = True
    api.intercept = listing(
        FakeResponse.success({"items": shown}).body
    )  # for the others it must ask
    assert (
        "Added 0, changed 11, removed 0."
        in run("sync", "--accept-removals", "--details", "none").stdout
    )
    one = [request.path for request in api.requests if request.path.startswith("/v1/connectors/")]
    assert set(one[-len(hidden) :]) == {
        f"/v1/connectors/{quote(each['id'], safe='')}" for each in hidden
    }
    stored = rows(engine, "connectors", "connector_id", "paused")
    assert {connector_id for connector_id, paused in stored if paused} == set(IDS[::2])


# --- what never ends, and what unpacks to too much ------------------------------------------

MB = 1 << 20
HEAD = b'{"code":"Success","data":{"items":[{"id":"fair_wind","new":"'


def without_end() -> Iterator[bytes]:
    yield HEAD
    yield from repeat(b"x" * MB)


def big_page() -> Iterator[bytes]:
    """100 MB: a hundred connectors with a text of a megabyte each."""
    yield b'{"code":"Success","data":{"items":['
    for number in range(100):
        yield b"," * bool(number) + one(f"c{number}", new=b'"%s"' % (b"x" * MB))
    yield b"]}}"


def bomb(size: int = 1024) -> Iterator[bytes]:
    """A gzip of so many megabytes, each in a kilobyte: flushed, so that it may be repeated."""
    packer = zlib.compressobj(9, wbits=31)
    yield packer.compress(HEAD) + packer.flush(zlib.Z_FULL_FLUSH)
    yield from repeat(packer.compress(b"x" * MB) + packer.flush(zlib.Z_FULL_FLUSH), size)


def bomb_in_a_bomb() -> Iterator[bytes]:
    packer = zlib.compressobj(9, wbits=31)
    for block in bomb(16 * 1024):
        yield packer.compress(block)
    yield packer.flush()


@contextmanager
def streaming(
    body: Callable[[], Iterator[bytes]], encoding: str = "", odd_head: bytes = b""
) -> Iterator[str]:
    """The URL of a server that sends this to whoever asks, until the other side hangs up."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.flush_headers()
            self.wfile.write(odd_head)
            self.send_header("Content-Encoding", encoding)
            self.end_headers()
            with contextlib.suppress(OSError):
                for chunk in body():
                    self.wfile.write(chunk)

        def log_message(self, format: str, *args: Any) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def measured_sync(*words: str) -> tuple[int, str, float]:
    return measured("sync", "--quiet", "--account", "a", *words)


@CHIEFLY_SQLITE
@pytest.mark.parametrize(
    ("body", "encoding"),
    [(without_end, ""), (big_page, ""), (bomb, "gzip"), (bomb_in_a_bomb, "gzip, gzip")],
)
def test_answer_without_end_is_refused_at_the_limit(
    engine: Engine, run: Run, monkeypatch: pytest.MonkeyPatch, body: Any, encoding: str
) -> None:
    with streaming(body, encoding) as url:
        monkeypatch.setenv("FIVETRAN_API_URL", url)
        code, said, peak = measured_sync("--max-response-mb", "16", "--attempts", "2")
    assert (code, said.count("\n"), said.startswith("Error: ")) == (3, 1, True)
    assert "more than 16 MB" in said
    assert peak < 150
    assert rows(engine, "inventory_runs", "status", "requests") == [("failed", 1)]


@THOROUGH
def test_page_of_100_mb_is_stored_if_that_is_allowed(
    engine: Engine, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with streaming(big_page) as url:
        monkeypatch.setenv("FIVETRAN_API_URL", url)
        code, said, peak = measured_sync("--max-response-mb", "128", "--details", "none")
    assert (code, said) == (0, "")
    assert len(rows(engine, "connectors", "connector_id", "extra")) == 100
    assert peak < 600


@CHIEFLY_SQLITE
def test_memory_is_bounded_whatever_an_answer_is_made_of(
    engine: Engine, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A value may take two bytes of an answer and fifty times that in memory."""
    for swarm in (b"[],", b"{},", b"0,", b'"",'):
        with streaming(lambda swarm=swarm: [b"[", swarm * (32 * MB // len(swarm))]) as url:
            monkeypatch.setenv("FIVETRAN_API_URL", url)
            code, said, peak = measured_sync("--attempts", "1")
        assert (code, "more than 4,000,000 values" in said, peak < 150) == (3, True, True), swarm


@CHIEFLY_SQLITE
@pytest.mark.parametrize(
    ("name", "place"),
    few_of(
        [
            *((name, "page 2") for name in (*endless.FAST, "dripping trailers", "silence")),
            *(("trailers", place) for place in ("account", "page 1")),
        ],
        [("empty gzips", "page 2"), ("silence", "page 2"), ("trailers", "account")],
    ),
)
def test_run_ends_at_its_deadline_whatever_never_ends(
    engine: Engine,
    run: Run,
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    place: str,
) -> None:
    account.connectors = [item("one")]
    assert run("sync", "--quiet").exit_code == 0
    before = everything(engine, but=("inventory_runs",))
    with endless.server(endless.ALL[name], endless.PLACES[place]) as server:
        monkeypatch.setenv("FIVETRAN_API_URL", f"http://127.0.0.1:{server.port}")
        known = () if place == "account" else ("--account", "account_one")
        code, said, peak = measured("sync", "--quiet", "--deadline", "2", *known)
        assert server.reached.acquire(timeout=0)
    assert (code, said.count("\n"), "the run's 2 s" in said) == (1, 1, True), said
    assert peak < 150
    assert everything(engine, but=("inventory_runs",)) == before
    log = rows(engine, "inventory_runs", "run_id", "status", "error_code")
    assert log == [(1, "succeeded", None), (2, "failed", "api_unavailable")]


# --- what is printed ------------------------------------------------------------------------

STEERS = (
    "\x1b]0;x\a\x1b[2J\x9b31m\x7f\x00\b\r\n\t\N{RIGHT-TO-LEFT OVERRIDE}\u2028\u200b\ufeff\U000e0041"
)
FORMULAS = [f"{sign}1+1" for sign in "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"]

BEHIND = [f"name{end}=1+1" for end in ("\r", "\n", "\r\n", '"\r', ",")]
NAMES = FORMULAS + BEHIND


def test_names_steer_no_terminal(
    engine: Engine, run: Run, api: FakeApi, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    fields = dict.fromkeys(("schema", "service", "group_id", "sync_frequency", STEERS), STEERS)
    alerts = [{"code": STEERS, "message": STEERS, STEERS: STEERS}, STEERS]
    states = dict.fromkeys(("setup_state", "sync_state", "update_state", STEERS), STEERS)
    account.connectors = [
        item("fair_wind", **fields, status=states | {"tasks": alerts}, setup_tests=alerts)
    ]
    account.account_id = STEERS  # which makes it none
    steering = STEERS.replace("\0", "")
    for words in (
        *(("sync", "--account", "mine", more) for more in ("--dry-run", "-vv", "--quiet")),
        *(("sync", "--account", "mine", "--log-format", "json", more) for more in ("-v", "-vv")),
        *(("status",), ("status", "--group", steering), ("status", "--service", steering)),
        *(("runs",), ("sync", "--debug"), ("sync", "--account", steering, "--debug")),
    ):
        result = run(*words)
        # The API names an account that is none; then somebody on the command line does.
        refused = {("sync", "--debug"): 3, ("sync", "--account", steering, "--debug"): 2}
        assert result.exit_code == refused.get(words, 0), words
        assert all(line.isprintable() for line in result.output.split("\n")), words
    [shown] = json.loads(run("status", "--format", "json").stdout)
    kept = STEERS.replace("\x00", "\ufffd")
    assert [shown[name] for name in ("schema_name", "service", "setup_state")] == [kept] * 3


def test_head_that_is_none_is_no_traceback(
    engine: Engine, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_connectors() -> Iterator[bytes]:
        yield page()

    with streaming(no_connectors, odd_head=b"no head \x1b[31m\r\n") as url:
        monkeypatch.setenv("FIVETRAN_API_URL", url)
        for words in (("--quiet",), ("-v",), ("-vv",)):
            result = run("sync", "--account", "a", *words)
            assert (result.exit_code, "Traceback" in result.stderr) == (0, words == ("-vv",))
            assert all(line.isprintable() for line in result.output.split("\n"))


def test_time_before_the_year_1000_is_shown_in_full(
    engine: Engine, run: Run, account: Account, zone: Callable[[str], None]
) -> None:
    account.connectors = [item("one", succeeded_at="0001-02-03T04:05:06Z")]
    run("sync")
    for name, shown in {
        "UTC": "0001-02-03 04:05:06+00:00",
        "America/New_York": "0001-02-02 23:09:04-04:56:02",
    }.items():
        zone(name)
        assert shown in run("status", "one").stdout


def test_spreadsheet_holds_no_formula_and_csv_and_json_the_name_itself(
    engine: Engine, run: Run, account: Account
) -> None:
    account.connectors = [item(f"c{n:02}", schema=name) for n, name in enumerate(NAMES)]
    assert run("sync").exit_code == 0
    for form, guard in (("csv", ""), ("spreadsheet", "'")):
        lines = run("status", "--format", form).stdout_bytes.decode()
        printed = csv.DictReader(io.StringIO(lines, newline=""))
        kept = [f"{guard}{name}" for name in FORMULAS] + BEHIND
        assert sorted(row["schema_name"] for row in printed) == sorted(kept)
    lines = run("status", "--format", "json").stdout
    assert all(line.isprintable() for line in lines.split("\n"))
    assert sorted(row["schema_name"] for row in json.loads(lines)) == sorted(NAMES)
