"""The examples in Python of its page and of the README: they print what is shown."""

import contextlib
import io
import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text
from support.builders import Account, api_settings, item
from support.docs import DOCS, README

import inventory
from inventory.demo.fake_api import FakeApi
from inventory.errors import ConfigurationError
from inventory.sync.run import sync

EXAMPLE = re.compile(r"```python\n(.*?)```\n\n```text\n(.*?)```", re.DOTALL)
EXAMPLES = EXAMPLE.findall((DOCS / "python.md").read_text())


@pytest.fixture
def three_connectors(
    engine: Engine,
    api: FakeApi,
    account: Account,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Engine:
    """The database of the examples: two runs, between which the broken one was resumed."""
    account.account_id = "example_account"
    broken = {"setup_state": "broken", "tasks": [{"code": "reconnect", "message": "Reconnect"}]}
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    times = {"succeeded_at": f"{an_hour_ago:%Y-%m-%dT%H:%M:%SZ}", "failed_at": None}
    services = {"brisk_otter": "postgres", "sunny_ridge": "google_ads"}
    others = [item(name, service=service, **times) for name, service in services.items()]
    for paused in (True, False):
        one = item("calm_compass", service="hubspot", paused=paused, status=broken, **times)
        account.connectors = [one, *others]
        sync(engine, api_settings(api))
    monkeypatch.setenv("INVENTORY_DATABASE_URL", database_url)
    return engine


def printed_by(code: str) -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "example.py", "exec"), {})
    return printed.getvalue()


@pytest.mark.parametrize(("code", "shown"), EXAMPLES, ids=["session", "pandas"])
def test_example_prints_what_the_page_shows(
    three_connectors: Engine, code: str, shown: str
) -> None:
    assert printed_by(code) == shown


@pytest.mark.parametrize("database", ["demo_file", "demo_postgres"])
def test_readme_example_prints_what_its_comment_says(
    database: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    [code] = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    monkeypatch.setenv("INVENTORY_DATABASE_URL", request.getfixturevalue(database))
    assert printed_by(code) == "".join(re.findall(r"  # (.*\n)", code)) != ""


def test_connection_cannot_write(three_connectors: Engine) -> None:
    with pytest.raises(ConfigurationError, match=r"read-?only"), inventory.connect() as connection:
        connection.execute(text("delete from tasks"))
    with inventory.connect() as connection:
        assert connection.scalar(text("select count(*) from tasks")) == 1


def test_url_that_is_passed_takes_the_place_of_the_variables(
    three_connectors: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("INVENTORY_DATABASE_URL")
    monkeypatch.setenv("INVENTORY_DATABASE_URL_FILE", "/nowhere/url")
    with inventory.connect(database_url) as connection:
        assert connection.scalar(text("select count(*) from tasks")) == 1
