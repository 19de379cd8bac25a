"""No secret of the environment gets into a file, whatever the environment is."""

import re
import string
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from inventory.cli import main
from inventory.db import engine, postgresql_url
from inventory.errors import ConfigurationError
from inventory.schedules import chosen_database
from inventory.schedules.kinds import KINDS
from inventory.settings import DatabaseSettings, Secret

# Long enough that no other text contains it by chance, and with everything that has a meaning.
SECRETS = st.text(string.ascii_letters + string.digits + "%$'\"\\ /?#&=@:;é", min_size=8).map(
    lambda text: f"s3cr{text}9t"
)
URLS = (
    "postgresql://me:{}@db.example.com/observability",
    "postgresql://me@db.example.com/observability?password={}",
    "postgresql://db.example.com/observability?sslkey=/etc/key&sslpassword={}",
    "postgresql://me:{}@one:5432,two:5433/observability?sslmode=require",
    "postgresql://me@[::1]/observability?options=-c%20my.token%3D{}",
    "postgresql+psycopg://me:{}@db.example.com/observability?passfile=/home/me/.pgpass",
    "postgresql:///observability?host=/run/postgresql&user=me&password={}",
)


def pieces(secret: str) -> list[str]:
    """Spellings of a secret, and its longest plain part: enough to recognize it."""
    plain = max("".join(c if c.isalnum() else " " for c in secret).split(), key=len)
    return [secret, quote(secret, safe=""), *([plain] if len(plain) > 6 else [])]


@given(secret=SECRETS, url=st.sampled_from(URLS))
def test_described_database_contains_no_secret(secret: str, url: str) -> None:
    given_url = url.format(quote(secret, safe=""))
    described = chosen_database.describe(DatabaseSettings(url=Secret(given_url)))
    for piece in pieces(secret):
        assert piece not in described.url
    assert "..." in described.url
    assert f"/{'observability'}" in described.url


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("as_file", [False, True])
@pytest.mark.parametrize("url", URLS)
def test_no_output_contains_a_secret(
    kind: str, as_file: bool, url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secrets = [f"s3cr{word}9t" for word in ("key", "secret", "password", "proxy", "pg", "token")]
    key, secret, password, proxy, pg_password, token = secrets
    monkeypatch.setenv("FIVETRAN_API_KEY", key)
    monkeypatch.setenv("FIVETRAN_APISECRET", secret)
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:{proxy}@proxy.example.com:3128")
    monkeypatch.setenv("PGPASSWORD", pg_password)
    monkeypatch.setenv("PGOPTIONS", f"-c my.token={token}")
    (tmp_path / "url").write_text(f"{url.format(password)}\n")
    if as_file:
        monkeypatch.setenv("INVENTORY_DATABASE_URL_FILE", str(tmp_path / "url"))
    else:
        monkeypatch.setenv("INVENTORY_DATABASE_URL", url.format(password))
    # A program in /tmp cannot be a service, which the message says.
    result = CliRunner().invoke(main, ["schedule", kind, "-vv", "--debug"])
    assert result.exit_code == 0 or (kind == "systemd" and "temporary" in result.stderr)
    assert [each for each in secrets if each in result.output] == []
    if result.exit_code == 0:
        for name in ("HTTPS_PROXY", "PGPASSWORD", "PGOPTIONS"):
            assert f"#   {name}=...\n" in result.output


@pytest.mark.parametrize(
    ("given_url", "shown"),
    [
        ("postgresql://u:p@h/d", "postgresql://u:...@h/d"),
        ("postgres://u@h:5433/d", "postgresql://u@h:5433/d"),
        ("postgresql:///d", "postgresql:///d"),
        ("postgresql://u:p@[::1]:5433/d", "postgresql://u:...@[::1]:5433/d"),
        (
            "postgresql://u:p@a:1,b:2/d?sslmode=require",
            "postgresql://u:...@/d?sslmode=require&host=a,b&port=1,2",
        ),
        ("postgresql:///d?user=u&host=/run/pg%20x", "postgresql://u@/d?host=/run/pg%20x"),
        ("postgresql://u%40x:p@h/d%2Fe", "postgresql://u%40x:...@h/d%2Fe"),
    ],
)
def test_described_url_leads_to_the_same_database(given_url: str, shown: str) -> None:
    described = chosen_database.describe(DatabaseSettings(url=Secret(given_url)))
    assert described.url == shown
    meant, _ = postgresql_url.parse(given_url)
    again, _ = postgresql_url.parse(shown)
    assert again == meant | ({"password": "..."} if "password" in meant else {})


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("inventory.db", "sqlite:///{}/inventory.db"),
        ("it's $HOME.db", "sqlite:///file:{}/it%27s%20%24HOME.db"),
        ("100% #1?&.db", None),  # depends on the release of SQLAlchemy
    ],
)
def test_path_of_a_sqlite_file_needs_no_quotes(
    name: str, shown: str | None, tmp_path: Path
) -> None:
    file = tmp_path / name
    for spelling in (str(file), f"file:{quote(str(file))}", f"file:{quote(quote(str(file)))}"):
        with suppress(ConfigurationError):
            described = chosen_database.describe(
                DatabaseSettings(url=Secret(f"sqlite:///{spelling}"))
            )
            if connected_file(described.url) == file:
                break
    assert connected_file(described.url) == file
    assert re.fullmatch(r"[\w%.:/-]+", described.url, re.ASCII)
    assert shown is None or described.url == shown.format(tmp_path)


def connected_file(url: str) -> Path | None:
    return engine.file_of(engine.connect(DatabaseSettings(url=Secret(url))))
