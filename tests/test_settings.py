"""What is taken from the environment, what is refused, and that secrets stay secret."""

import copy
import pickle
from pathlib import Path

import pytest
from worlds import KEY, SECRET

from inventory.errors import FixSettings
from inventory.settings import Secret, api_settings, database_settings

GIVEN = {"FIVETRAN_API_KEY": KEY, "FIVETRAN_API_SECRET": SECRET}


def test_key_is_shown_by_no_repr_format_or_pickle() -> None:
    settings = api_settings(GIVEN)
    for shown in (
        repr(settings),
        str(settings),
        f"{settings.key}",
        repr(vars(settings.key.__class__)),
    ):
        assert KEY not in shown
        assert SECRET not in shown
    for leak in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError):
            leak(settings.key)
    assert settings.key.reveal() == KEY


@pytest.mark.parametrize(
    "variables",
    [
        GIVEN,
        {"FIVETRAN_APIKEY": KEY, "FIVETRAN_APISECRET": SECRET},
        {"FIVETRAN_API_KEY": f" {KEY}\n", "FIVETRAN_APISECRET": SECRET},
        {"FIVETRAN_API_KEY_FILE": "key", "FIVETRAN_APISECRET_FILE": "secret"},
        GIVEN | {"FIVETRAN_APIKEY": "of another tool"},
    ],
)
def test_key_is_found_under_each_of_its_names(
    variables: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("key").write_text(f"{KEY}\n")
    Path("secret").write_text(SECRET)
    settings = api_settings(variables)
    assert (settings.key.reveal(), settings.secret.reveal()) == (KEY, SECRET)


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({}, "FIVETRAN_API_KEY"),
        ({"FIVETRAN_API_KEY": KEY}, "FIVETRAN_API_SECRET"),
        ({"FIVETRAN_API_KEY": KEY, "FIVETRAN_API_SECRET": " "}, "FIVETRAN_API_SECRET"),
        (GIVEN | {"FIVETRAN_API_KEY_FILE": "also"}, "FIVETRAN_API_KEY_FILE"),
        (GIVEN | {"FIVETRAN_API_KEY": "two\nlines"}, "FIVETRAN_API_KEY"),
        (GIVEN | {"FIVETRAN_API_SECRET": "no UTF-8: \udcff"}, "FIVETRAN_API_SECRET"),
        ({"FIVETRAN_API_KEY_FILE": "/nowhere/key"}, "/nowhere/key"),
        ({"FIVETRAN_API_KEY_FILE": "/"}, "FIVETRAN_API_KEY_FILE"),
    ],
)
def test_missing_half_of_a_key_is_named(variables: dict[str, str], named: str) -> None:
    with pytest.raises(FixSettings, match=named):
        api_settings(variables)


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("", "https://api.fivetran.com"),
        ("https://api.example.com/v1/", "https://api.example.com"),
        ("http://localhost:8017", "http://localhost:8017"),
        ("http://127.8.8.8/", "http://127.8.8.8"),
        ("http://[::1]:80/v1", "http://[::1]:80"),
    ],
)
def test_api_url_is_taken_without_its_version(given: str, used: str) -> None:
    assert api_settings(GIVEN | {"FIVETRAN_API_URL": given}).url == used


@pytest.mark.parametrize(
    "url",
    [
        "http://api.fivetran.com",
        "http://localhost.example.com",
        "http://10.0.0.1",
        "ftp://localhost",
        "api.fivetran.com",
        "https://",
        "https://host:port",
        f"https://user:{SECRET}@api.fivetran.com",
        f"https://api.fivetran.com/?key={SECRET}",
    ],
)
def test_api_url_that_could_leak_the_key_or_is_none_is_refused(url: str) -> None:
    with pytest.raises(FixSettings, match="FIVETRAN_API_URL") as error:
        api_settings(GIVEN | {"FIVETRAN_API_URL": url})
    assert SECRET not in str(error.value)


def test_flag_that_is_not_given_leaves_the_default() -> None:
    settings = api_settings(GIVEN, page_size=None, deadline=5)
    assert (settings.page_size, settings.deadline) == (1000, 5)


@pytest.mark.parametrize("schema", ["pg_mine", "$user", "x" * 64, "ü" * 32])
def test_schema_that_postgresql_would_not_take_is_refused(schema: str) -> None:
    with pytest.raises(FixSettings, match="INVENTORY_SCHEMA"):
        database_settings(
            {"INVENTORY_DATABASE_URL": "postgresql://h/d", "INVENTORY_SCHEMA": schema}
        )


def test_schema_on_sqlite_is_refused() -> None:
    with pytest.raises(FixSettings, match="SQLite has no schemas"):
        database_settings({"INVENTORY_SCHEMA": "mine"})


def test_database_url_is_kept_secret() -> None:
    settings = database_settings({"INVENTORY_DATABASE_URL": f"postgresql://me:{SECRET}@h/d"})
    assert isinstance(settings.url, Secret)
    assert SECRET not in repr(settings)
