"""No secret is in any output: not where the API quotes it, not at the highest verbosity."""

import base64
import json
import logging
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from urllib.parse import quote

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine
from worlds import KEY, SECRET, Account, api_settings, everything, item

from inventory import logs, redaction
from inventory.cli import main
from inventory.errors import PayloadUnusable
from inventory.settings import database_settings
from inventory.standin import Answer, Request, StandIn
from inventory.sync import sync

BASIC = base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
CARD = {"token": "the-token-of-the-card-4711", "uri": "https://card.example/?auth=card-uri-4711"}
PASSWORD = "pass:word/5150"
SECRETS = (KEY, SECRET, BASIC, "4711", PASSWORD, quote(PASSWORD, safe=""))

# What a careless server may quote a request in.
ECHO = f"{KEY} {SECRET} Basic {BASIC}"
QUOTING: dict[str, Callable[[Request], Answer | None]] = {
    "nothing": lambda request: None,
    "a message": lambda request: answer(401, code="AuthFailed", message=ECHO),
    "a code": lambda request: answer(403, code=ECHO),
    "a code that looks like one": lambda request: answer(500, code=BASIC),
    "a code that looks like the key": lambda request: answer(500, code=KEY),
    "a cursor": lambda request: page(next_cursor=ECHO) if "limit" in request.query else None,
    "an item": lambda request: page(items=[{"id": None, "x": ECHO}]),
    "what is no JSON": lambda request: Answer(200, f"<html>{ECHO}".encode()),
    "a redirect": lambda request: Answer(302, b"", {"Location": f"http://{KEY}:{SECRET}@x/"}),
    "a head": lambda request: Answer(429, b"", {"Retry-After": ECHO, "X-Echo": ECHO}),
    "single ones": lambda request: (
        answer(400, code=ECHO, message=ECHO) if request.path.endswith("/gone") else None
    ),
}


def answer(status: int, **body: object) -> Answer:
    return Answer(status, json.dumps(body).encode())


def page(**data: object) -> Answer:
    return Answer.success({"items": []} | data)


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


@pytest.mark.parametrize("place", QUOTING)
def test_nothing_that_is_said_or_stored_holds_a_secret(
    engine: Engine,
    environment: dict[str, str],
    api: StandIn,
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


@pytest.mark.parametrize("kind", [RuntimeError, PayloadUnusable])
def test_error_that_quotes_a_secret_is_told_without_it(
    engine: Engine,
    environment: dict[str, str],
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    kind: type[Exception],
) -> None:
    def fail(*_: object) -> None:
        raise kind(f"it was {ECHO}")

    monkeypatch.setattr("inventory.sync.take", fail)
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
    secret = 'say "öpen" 4711'
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
    for spelling in (secret, quote(secret), json.dumps(secret)[1:-1], "4711"):
        assert spelling not in shown


def test_dump_of_settings_shows_no_secret(api: StandIn) -> None:
    of_database = database_settings({"INVENTORY_DATABASE_URL": f"postgresql://a:{PASSWORD}@b/c"})
    for settings in (api_settings(api), of_database):
        assert found(f"{settings} {settings!r} {vars(settings)}") == []
        with pytest.raises(TypeError):
            asdict(settings)
