"""Settings from the environment: what is accepted, what is rejected, and secrets."""

import copy
import pickle
from contextlib import suppress
from pathlib import Path

import pytest
from support.builders import KEY, SECRET

from inventory.errors import ConfigurationError
from inventory.settings import Secret, api_settings, database_settings, ping_url

GIVEN = {"FIVETRAN_API_KEY": KEY, "FIVETRAN_API_SECRET": SECRET}


def test_key_is_not_shown_by_repr_format_or_pickle() -> None:
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
def test_key_is_read_from_each_of_its_variables(
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
        (GIVEN | {"FIVETRAN_API_SECRET": "not UTF-8: \udcff"}, "FIVETRAN_API_SECRET"),
        ({"FIVETRAN_API_KEY_FILE": "/nowhere/key"}, "/nowhere/key"),
        ({"FIVETRAN_API_KEY_FILE": "/"}, "FIVETRAN_API_KEY_FILE"),
    ],
)
def test_missing_half_of_a_key_is_named(variables: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        api_settings(variables)


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("https://api.example.com/v1/", "https://api.example.com"),
        ("http://localhost:8017", "http://localhost:8017"),
        ("http://127.8.8.8/", "http://127.8.8.8"),
        ("http://[::1]:80/v1", "http://[::1]:80"),
    ],
)
def test_api_url_loses_its_version(given: str, used: str) -> None:
    assert api_settings(GIVEN | {"FIVETRAN_API_URL": given}).url == used


def test_empty_variable_is_rejected_and_does_not_mean_the_default() -> None:
    """It is empty, for example, if the variable it is copied from is not set."""
    assert api_settings(GIVEN).url == "https://api.fivetran.com"
    for empty in ("", " \n"):
        with pytest.raises(ConfigurationError, match="FIVETRAN_API_URL is set but empty"):
            api_settings(GIVEN | {"FIVETRAN_API_URL": empty})
        for name in ("INVENTORY_DATABASE_URL", "INVENTORY_SCHEMA"):
            given = {"INVENTORY_DATABASE_URL": "postgresql://host/db", name: empty}
            with pytest.raises(ConfigurationError, match=f"{name} is set but empty"):
                database_settings(given)


@pytest.mark.parametrize("home", ["here", "~", ""])
def test_default_database_does_not_depend_on_the_current_folder(
    monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    """Whatever HOME contains, in every release of platformdirs."""
    monkeypatch.setenv("HOME", home)
    monkeypatch.delenv("XDG_DATA_HOME")
    with suppress(ConfigurationError):
        assert database_settings({}).url.reveal().startswith("sqlite:////")


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
def test_api_url_that_is_invalid_or_could_leak_the_key_is_rejected(url: str) -> None:
    with pytest.raises(ConfigurationError, match="FIVETRAN_API_URL") as error:
        api_settings(GIVEN | {"FIVETRAN_API_URL": url})
    assert SECRET not in str(error.value)


@pytest.mark.parametrize("quote", ["'", '"', "`", "\u201c"])
def test_value_that_begins_with_a_quote_is_rejected(quote: str) -> None:
    """The API would answer 401 without mentioning the quotes."""
    for name in GIVEN:
        with pytest.raises(ConfigurationError, match=f"{name} begins with a quote"):
            api_settings(GIVEN | {name: f" {quote}{GIVEN[name]}{quote}"})
    with pytest.raises(ConfigurationError, match="INVENTORY_DATABASE_URL begins with a quote"):
        database_settings({"INVENTORY_DATABASE_URL": f"{quote}postgresql://h/d{quote}"})


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"ALL_PROXY": "socks5://user:pass-word@host:1080"}, "ALL_PROXY"),
        ({"https_proxy": "socks5h://host:1080"}, "https_proxy"),
        ({"HTTPS_PROXY": "localhost"}, "HTTPS_PROXY"),
        ({"HTTPS_PROXY": "http://user:pass-word@host:port"}, "HTTPS_PROXY"),
        ({"HTTPS_PROXY": "http://"}, "HTTPS_PROXY"),
        ({"HTTPS_PROXY": "http://host:3128", "ALL_PROXY": "socks5://host"}, None),
        ({"HTTPS_PROXY": "socks5://host", "https_proxy": ""}, None),
        ({"HTTPS_PROXY": "socks5://host", "no_proxy": ".fivetran.com"}, None),
        ({"HTTPS_PROXY": "host:3128"}, None),
        ({"HTTP_PROXY": "socks5://host"}, None),
    ],
)
def test_proxy_that_cannot_be_used_is_named(variables: dict[str, str], named: str | None) -> None:
    if named is None:
        assert api_settings(GIVEN | variables)
        return
    with pytest.raises(ConfigurationError, match=named) as refused:
        api_settings(GIVEN | variables)
    assert "pass-word" not in str(refused.value)


def test_flag_that_is_none_keeps_the_default() -> None:
    settings = api_settings(GIVEN, page_size=None, deadline=5)
    assert (settings.page_size, settings.deadline) == (1000, 5)


@pytest.mark.parametrize("schema", ["pg_mine", "$user", "x" * 64, "ü" * 32])
def test_invalid_schema_name_is_rejected(schema: str) -> None:
    with pytest.raises(ConfigurationError, match="INVENTORY_SCHEMA"):
        database_settings(
            {"INVENTORY_DATABASE_URL": "postgresql://h/d", "INVENTORY_SCHEMA": schema}
        )


def test_schema_on_sqlite_is_rejected() -> None:
    with pytest.raises(ConfigurationError, match="SQLite has no schemas"):
        database_settings({"INVENTORY_SCHEMA": "mine"})


def test_database_url_is_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text(f"postgresql://me:{SECRET}@h/d\n")
    settings = database_settings({"INVENTORY_DATABASE_URL_FILE": f" {file}"})
    assert settings.url.reveal() == f"postgresql://me:{SECRET}@h/d"


@pytest.mark.parametrize(
    ("content", "also", "message"),
    [
        ("", {}, "must contain one line"),
        (" \n", {}, "must contain one line"),
        (f"{SECRET}\nb", {}, "must contain one line"),
        (f"'postgresql://{SECRET}@h/d'", {}, "begins with a quote"),
        (None, {}, "cannot be read"),
        ("a", {"INVENTORY_DATABASE_URL": SECRET}, "are both set"),
    ],
)
def test_file_with_the_database_url_that_is_no_use_is_named(
    content: str | None, also: dict[str, str], message: str, tmp_path: Path
) -> None:
    file = tmp_path / "url"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigurationError, match=message) as refused:
        database_settings({"INVENTORY_DATABASE_URL_FILE": str(file)} | also)
    assert SECRET not in str(refused.value)


def test_url_in_place_of_a_file_is_not_repeated() -> None:
    url = f"https://hc-ping.com/{SECRET}"
    for name, read in (
        ("INVENTORY_PING_URL", ping_url),
        ("INVENTORY_DATABASE_URL", database_settings),
    ):
        with pytest.raises(ConfigurationError, match=f"{name}_FILE is a URL, not the") as refused:
            read({f"{name}_FILE": url})
        assert SECRET not in str(refused.value)


def test_database_url_is_kept_secret() -> None:
    settings = database_settings({"INVENTORY_DATABASE_URL": f"postgresql://me:{SECRET}@h/d"})
    assert isinstance(settings.url, Secret)
    assert SECRET not in repr(settings)


def test_secret_in_place_of_its_file_is_not_repeated() -> None:
    with pytest.raises(
        ConfigurationError, match="FIVETRAN_API_SECRET_FILE names a file"
    ) as refused:
        api_settings({"FIVETRAN_API_KEY": "key", "FIVETRAN_API_SECRET_FILE": "s3cretvalue"})
    assert "s3cretvalue" not in str(refused.value)
