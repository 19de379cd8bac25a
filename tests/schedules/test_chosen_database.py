"""What of the chosen database depends on who runs, or where: a comment says so."""

from pathlib import Path
from typing import Any

import pytest
from support.schedules import OF_ADA, POSTGRESQL, SQLITE, comments, files

from inventory.schedules import chosen_database, settings_file
from inventory.schedules.chosen_database import ChosenDatabase
from inventory.schedules.kinds import Kind
from inventory.settings import DatabaseSettings, Secret

CONTAINERS: tuple[Kind, ...] = ("kubernetes", "docker")


def described(url: str) -> ChosenDatabase:
    return chosen_database.describe(DatabaseSettings(url=Secret(url)))


def said(kind: Kind, **changes: Any) -> str:
    """The comments of the first file that contains the settings."""
    shown = files(kind, **changes)
    [text] = (each for each in shown.values() if "FIVETRAN_API_KEY=..." in each)
    return comments(text)


@pytest.mark.parametrize(
    ("url", "environ", "has_user", "is_on_this_host"),
    [
        ("postgresql://me@db.example.com/d", {}, True, False),
        ("postgresql://db.example.com/d", {}, False, False),
        ("postgresql://db.example.com/d?user=me", {}, True, False),
        ("postgresql://db.example.com/d", {"PGUSER": "me"}, True, False),
        ("postgresql://me@localhost/d", {}, True, True),
        ("postgresql://me@localhost.example.com/d", {}, True, False),
        ("postgresql://me@127.0.0.1/d", {}, True, True),
        ("postgresql://me@[::1]/d", {}, True, True),
        ("postgresql://me@db.example.com,localhost/d", {}, True, True),
        ("postgresql://me@db.example.com/d?hostaddr=127.0.0.1", {}, True, True),
        ("postgresql:///d?user=me&host=/run/postgresql", {}, True, True),
        ("postgresql:///d", {}, False, True),
        ("postgresql://me@/d", {"PGHOST": "db.example.com"}, True, False),
        ("sqlite:////srv/inventory.db", {}, True, False),
    ],
)
def test_user_and_host_are_those_that_libpq_takes(
    url: str,
    environ: dict[str, str],
    has_user: bool,
    is_on_this_host: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("PGUSER", "PGHOST", "PGHOSTADDR", "PGSERVICE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    found = described(url)
    assert (found.has_user, found.is_on_this_host) == (has_user, is_on_this_host)


def test_service_of_libpq_may_name_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "services").write_text("[inventory]\nuser=me\nhost=db.example.com\ndbname=d\n")
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    found = described("postgresql:///?service=inventory")
    assert (found.has_user, found.is_on_this_host) == (True, False)


@pytest.mark.parametrize("kind", CONTAINERS)
def test_container_has_another_user_and_another_host(kind: Kind) -> None:
    chosen = POSTGRESQL._replace(has_user=False, is_on_this_host=True)
    assert "The URL has no user, and the container's user is another" in said(kind, database=chosen)
    assert "The database is on this host, which is another one" in said(kind, database=chosen)
    for database in (POSTGRESQL, SQLITE):
        assert "no user" not in said(kind, database=database)
        assert "on this host" not in said(kind, database=database)


def test_service_has_another_user() -> None:
    nameless = POSTGRESQL._replace(has_user=False, is_on_this_host=True)
    shown = said("systemd", database=nameless)
    assert "so that of the service would be taken, inventory: write USER@" in shown
    assert "on this host" not in shown
    assert "would be taken, ada:" in said("systemd", database=nameless, installation=OF_ADA)
    assert "no user" not in said("systemd")


@pytest.mark.parametrize("kind", ["cron", "systemd", *CONTAINERS])
def test_settings_that_name_files_are_listed(kind: Kind) -> None:
    chosen = POSTGRESQL._replace(file_parameters=("sslrootcert",))
    environ = {"PGPASSFILE": "/home/ada/x", "REQUESTS_CA_BUNDLE": "/x", "PGSSLMODE": "require"}
    optional = settings_file.optional(chosen, environ)
    assert {*optional} == {*environ}
    shown = said(kind, database=chosen, optional=optional)
    assert "these name" in shown
    assert ": sslrootcert, PGPASSFILE, REQUESTS_CA_BUNDLE." in shown
    assert "these name" not in said(kind, optional={"PGSSLMODE": "..."})


def test_service_that_sees_no_home_says_so_of_files() -> None:
    optional = {"REQUESTS_CA_BUNDLE": "..."}
    assert "which cannot be in a home" in said("systemd", optional=optional)
    in_home = said("systemd", optional=optional, installation=OF_ADA)
    assert "which cannot be in a home" not in in_home


def test_minute_is_said_to_come_from_what_it_comes_from() -> None:
    """The address: two databases of one name on two hosts have minutes of their own."""
    one, other = (described(f"postgresql://me@{host}/d").spread for host in ("a", "b"))
    assert one != other
    assert "The minute comes from the address of the database" in said("cron")
