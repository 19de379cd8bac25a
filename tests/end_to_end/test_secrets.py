"""No secret is in any output: not where the API quotes it, not at the highest verbosity."""

import base64
import html
import json
import logging
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from itertools import cycle, product
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from click.testing import CliRunner
from msgspec import Raw
from sqlalchemy import Engine
from support.builders import (
    KEY,
    SECRET,
    Account,
    api_settings,
    everything,
    item,
)
from support.effort import few_of

from inventory import logs, redaction
from inventory.cli import main
from inventory.demo.fake_api import FakeApi, FakeResponse, Request
from inventory.errors import UnexpectedResponseError
from inventory.normalize import sections
from inventory.settings import database_settings
from inventory.sync.run import sync

BASIC = base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
CARD = {
    "token": "the-token-of-the-card-q4711z",
    "uri": "https://card.example/?auth=card-uri-q4711z",
}
PASSWORD = "pass:word/5150"
SECRETS = (KEY, SECRET, BASIC, "q4711z", PASSWORD, quote(PASSWORD, safe=""))

# What a careless server may quote a request in.
ECHO = f"{KEY} {SECRET} Basic {BASIC}"
QUOTING: dict[str, Callable[[Request], FakeResponse | None]] = {
    "nothing": lambda request: None,
    "a message": lambda request: answer(401, code="AuthFailed", message=ECHO),
    "a code": lambda request: answer(403, code=ECHO),
    "a code that looks like one": lambda request: answer(500, code=BASIC),
    "a code that looks like the key": lambda request: answer(500, code=KEY),
    "a cursor": lambda request: page(next_cursor=ECHO) if "limit" in request.query else None,
    "an item": lambda request: page(items=[{"id": None, "x": ECHO}]),
    "what is no JSON": lambda request: FakeResponse(200, f"<html>{ECHO}".encode()),
    "a redirect": lambda request: FakeResponse(302, b"", {"Location": f"http://{KEY}:{SECRET}@x/"}),
    "a head": lambda request: FakeResponse(429, b"", {"Retry-After": ECHO, "X-Echo": ECHO}),
    "single ones": lambda request: (
        answer(400, code=ECHO, message=ECHO) if request.path.endswith("/gone") else None
    ),
}


def answer(status: int, **body: object) -> FakeResponse:
    return FakeResponse(status, json.dumps(body).encode())


def page(**data: object) -> FakeResponse:
    return FakeResponse.success({"items": []} | data)


@pytest.fixture(autouse=True)
def _proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://someone:{quote(PASSWORD, safe='')}@127.0.0.1:9")


def said(*words: str) -> str:
    """All that Python says, called with these words."""
    command = [sys.executable, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


def found(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text]


@pytest.mark.parametrize("place", few_of([*QUOTING], [*QUOTING][::4]))
def test_nothing_that_is_said_or_stored_holds_a_secret(
    engine: Engine,
    environment: dict[str, str],
    api: FakeApi,
    account: Account,
    tmp_path: Path,
    place: str,
) -> None:
    account.connectors = [item("one", connect_card=CARD), item("gone", connect_card=CARD)]
    sync(engine, api_settings(api))
    quoting = {"message": f"{ECHO} {CARD['token']}", "details": {"link": CARD["uri"]}}
    account.connectors = [
        item("one", connect_card=CARD, paused=True, schema=ECHO, status={"tasks": [quoting]})
    ]
    api.intercept = QUOTING[place]
    shown = said("-m", "inventory", "sync", "--attempts", "1", "-vvv", "--debug")
    assert "GET /v1/" in shown  # the libraries did talk
    assert found(shown) == []
    assert found(repr(everything(engine))) == []
    for file in tmp_path.glob("*.db*"):
        assert found(file.read_bytes().decode("latin-1")) == []


SIGNED = "se\"cr\\\\et/+ <&'77b1>".replace("\\\\", "\\")


def escaped(text: str, every: int, form: str) -> str:
    """JSON in which each n-th letter is an escape."""
    return "".join(
        form.format(ord(letter)) if n % every == 0 else json.dumps(letter)[1:-1]
        for n, letter in enumerate(text)
    )


def in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": lambda secret: json.dumps(secret)[1:-1],
    "with letters of other alphabets": lambda s: json.dumps(s, ensure_ascii=False)[1:-1],
    "slashes escaped": lambda secret: json.dumps(secret)[1:-1].replace("/", "\\/"),
    "escapes": lambda secret: escaped(secret, 1, "\\u{:04x}"),
    "some escapes": lambda secret: escaped(secret, 3, "\\u{:04X}"),
    "few escapes": lambda secret: escaped(secret, 4, "\\u{:04x}"),
    "JSON in JSON": lambda secret: json.dumps(json.dumps(secret))[3:-3],
    "JSON in JSON in JSON": lambda s: json.dumps(json.dumps(json.dumps(s)))[7:-7],
    "escapes in JSON in JSON": lambda s: json.dumps(escaped(s, 2, "\\u{:04x}"))[1:-1],
    "in a URL": lambda secret: quote(secret, safe=""),
    "in a URL, lower case": lambda s: re.sub("%..", lambda m: m[0].lower(), quote(s, safe="")),
    "in a path": lambda secret: json.dumps(quote(secret))[1:-1],
    "in a form": quote_plus,
    "in HTML": lambda secret: json.dumps(html.escape(secret))[1:-1],
    "in HTML by numbers": lambda s: json.dumps(s.replace('"', "&#34;"))[1:-1],
    "in base64": lambda secret: json.dumps(in_base64(secret))[1:-1],
    "in base64 of URLs": lambda s: base64.urlsafe_b64encode(s.encode()).decode(),
    "in base64, slashes escaped": lambda secret: in_base64(secret).replace("/", "\\/"),
    "behind the key in base64": lambda secret: in_base64(f"{KEY}:{secret}"),
}


@pytest.mark.parametrize("secret", [SECRET, SIGNED, "öffentlich-nicht", '"' * 12, "\\" * 12])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_secret_is_taken_out_of_an_answer_in_any_spelling(secret: str, spelling: str) -> None:
    spelled = SPELLINGS[spelling](secret)
    if "HTML by numbers" in spelling and set("&<>'") & set(secret):
        spelled = spelled.replace("&", "&amp;").replace("&amp;#34;", "&#34;")
        spelled = spelled.replace("<", "&lt;").replace(">", "&gt;").replace("'", "&#39;")
    scrub = redaction.secret_scrubber([KEY, secret, f"{KEY}:{secret}"])
    for before in (b"\\u0020", b"no escape"):  # which are looked for in two ways
        around = b'{"id":"one","a":"%b %%s ."}' % before
        body = scrub(bytearray(around.replace(b"%s", spelled.encode())))
        left = rb'{"id":"one","a":"%b (\[secret\]:?)+=* \."}' % re.escape(before)
        assert re.fullmatch(left, body), body
        plain = around.replace(b"%s", spelled[:4].encode() + b"x")
        assert scrub(bytearray(plain)) == plain


def test_secret_that_begins_with_another_is_taken_out_whole() -> None:
    scrub = redaction.secret_scrubber(["pass-word", "pass-word-two"])
    for spelled in (b'"pass-word-two"', b'"pass\\u002dword-two"'):
        assert scrub(bytearray(spelled)) == b'"[secret]"'


TOKEN = "zyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.zyJhIjo0NzExfQ.s1gnature_q4711z-of-the-card"
QUOTES = {
    "a field": lambda quoted: {"schema": f"see {quoted}."},
    "config": lambda quoted: {"config": {"links": [f"https://a.example/?auth={quoted}&b=1"]}},
    "a new field": lambda quoted: {"new": {"a": json.dumps({"link": quoted})}},
    "a message": lambda quoted: {"status": {"tasks": [{"message": quoted, "details": [quoted]}]}},
    "titles": lambda q: {"setup_tests": [{"title": f"{q} {c}"} for c in (q, "b", "b")]},
}
CARDS = {
    "token": {"token": TOKEN, "uri": "https://card.example"},
    "uri": {"uri": f"https://card.example/connect-card/setup?auth={TOKEN}"},
    "text": TOKEN,
    "list": ["x", [TOKEN]],
    "padded": {"token": TOKEN + "=="},
}


@pytest.mark.parametrize(
    ("place", "card"),
    few_of(list(product(QUOTES, CARDS)), [*zip(QUOTES, cycle(CARDS)), *zip(cycle(QUOTES), CARDS)]),
)
def test_card_that_another_connector_quotes_is_not_stored(
    engine: Engine, api: FakeApi, account: Account, place: str, card: str
) -> None:
    quoting, other = (
        item("quoting", **QUOTES[place](TOKEN)),
        item("other", connect_card=CARDS[card]),
    )
    plain = item("plain", schema="https://card.example/connect-card/setup", config={"a": "b" * 40})
    for account.connectors in ([quoting, plain, other], [other, quoting, plain]):
        run = sync(engine, api_settings(api, page_size=1))
        assert run["status"] == "succeeded"
        held = repr(everything(engine))
        assert "q4711z" not in held
        # Behind `auth=` it is masked whatever it is.
        assert ("******" if place == "config" else "[secret]") in held
        assert "https://card.example/connect-card/setup'" in held
        assert "b" * 40 in held
    assert run["changed"] == 0


def test_id_that_is_a_secret_of_a_card_stays_the_id() -> None:
    raw = Raw(
        json.dumps(
            {"id": "aq4711z" * 8, "schema": "aq4711z" * 8, "connect_card": "aq4711z" * 8}
        ).encode()
    )
    left = sections.redact_card(sections.split(raw), sections.peek(raw)[1])
    assert left.connector_id == "aq4711z" * 8
    assert bytes(left.connector["schema"]) == b'"[secret]"'


@pytest.mark.parametrize("kind", [RuntimeError, UnexpectedResponseError])
def test_error_that_quotes_a_secret_is_told_without_it(
    engine: Engine,
    environment: dict[str, str],
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    kind: type[Exception],
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise kind(f"it was {ECHO}")

    monkeypatch.setattr("inventory.sync.pipeline.take_snapshot", fail)
    result = CliRunner().invoke(main, ["sync", "--debug"])
    assert result.exit_code == 3
    assert "it was [secret]" in result.stderr
    assert found(result.output) == []
    assert found(repr(everything(engine))) == []


ECHOING = """
import logging
import sqlalchemy
from inventory.cli import main
logging.getLogger("sqlalchemy").setLevel(logging.DEBUG)
main(["sync", "-vvv"])
"""


def test_sql_that_is_echoed_shows_no_value(
    environment: dict[str, str], account: Account, engine: Engine
) -> None:
    # Not hexadecimal: the addresses of objects stand in the echo too.
    account.connectors = [item("one", config={"password": "pass-quux", "host": "host-wumpus"})]
    shown = said("-c", ECHOING)
    assert "INSERT INTO connectors" in shown
    assert "quux" not in shown
    assert "wumpus" not in shown


@pytest.mark.parametrize("words", [("sync",), ("runs",), ("db", "upgrade")])
@pytest.mark.parametrize("password", ["in the place of one", "in the query"])
def test_password_of_the_database_is_not_shown(
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    password: str,
    words: tuple[str, ...],
) -> None:
    encoded = quote(PASSWORD, safe="")
    url = (
        f"postgresql://someone:{encoded}@127.0.0.1:9/none"
        if password == "in the place of one"
        else f"postgresql://127.0.0.1:9/none?user=someone&password={encoded}"
    )
    monkeypatch.setenv("INVENTORY_DATABASE_URL", url)
    shown = said("-m", "inventory", *words, "-vvv", "--debug")
    assert "Traceback" in shown
    assert found(shown) == []


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_log_takes_secrets_out_of_what_anybody_logs(
    log_format: logs.Format, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = 'say "öpen" q4711z'
    redaction.hide(secret)
    root = logging.getLogger()
    before = root.handlers, root.level, logging.getLogger("inventory").level
    try:
        logs.configure(verbosity=2, log_format=log_format)
        words = logging.getLogger("somebody.elses")
        words.debug("as it is: %s, in a URL: %s", secret, quote(secret))
        words.debug("as JSON: %s", json.dumps({"secret": secret}))
        words.debug("in base64: %s", base64.b64encode(secret.encode()).decode())
        try:
            raise ValueError(secret)
        except ValueError:
            words.exception("with a traceback")
    finally:
        root.handlers, level, ours = before[0], before[1], before[2]
        root.setLevel(level)
        logging.getLogger("inventory").setLevel(ours)
    shown = capsys.readouterr().err
    assert shown.count("[secret]") == 5
    for spelling in (secret, quote(secret), json.dumps(secret)[1:-1], "q4711z"):
        assert spelling not in shown


def test_dump_of_settings_shows_no_secret(api: FakeApi) -> None:
    of_database = database_settings({"INVENTORY_DATABASE_URL": f"postgresql://a:{PASSWORD}@b/c"})
    for settings in (api_settings(api), of_database):
        assert found(f"{settings} {settings!r} {vars(settings)}") == []
        with pytest.raises(TypeError):
            asdict(settings)
