"""The configuration: what is read, and what is refused with which words."""

import re
from datetime import time, timedelta
from pathlib import Path

import pytest

from inventory.errors import ConfigurationError
from inventory.notify import config
from inventory.notify.config import Channel

FOLDER = Path("/etc/inventory")
WHOLE = """
[notify]
after = "1h30m"
remind = "2d"
[[notify.channel]]
name = "data-oncall"
url_env = "ONCALL_URL"
match = { owner = ["Growth"], health = ["broken", "FAILING"], tier = ["1"] }
[[notify.channel]]
name = "digest"
url_file = "digest.url"
digest = "08:00"
"""


def channel(lines: str) -> str:
    return f'[[notify.channel]]\nname = "one"\nurl_env = "ONE_URL"\n{lines}\n'


def test_whole_configuration_is_read() -> None:
    match = {"owner": {"growth"}, "health": {"broken", "failing"}, "tier": {"1"}}
    found = config.parse(WHOLE, FOLDER)
    assert found == config.NotifyConfig(
        after=timedelta(minutes=90),
        remind=timedelta(days=2),
        channels=(
            Channel(name="data-oncall", url_env="ONCALL_URL", match=match),
            Channel(name="digest", url_file=FOLDER / "digest.url", digest=time(8)),
        ),
    )


def test_what_is_left_out_has_a_default() -> None:
    found = config.parse(config.EXAMPLE, FOLDER)
    assert (found.after, found.remind) == (timedelta(minutes=10), timedelta(days=1))
    assert found.channels == (Channel(name="data-oncall", url_env="ONCALL_URL"),)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[notify", "it is not valid TOML"),
        ("", r"no table \[notify\]"),
        ("notify = 1", r"no table \[notify\]"),
        ("[notify]", r"no \[\[notify.channel\]\]\. Write for example: notify\.channel"),
        ("[notify]\n[notify.channel]", "two brackets"),
        ("[notify]\nremnd = '1h'", r"'remnd' in \[notify\]. Did you mean remind\?"),
        ("[notify]\nafter = '10 parsecs'", "after: '10 parsecs' is not a duration"),
        ("[notify]\nafter = 10", "after must be one line of text in quotes, not 10"),
        ("[notifi]", r"'notifi' at the top. Did you mean notify\?"),
        ("[[notify.channel]]\nurl_env = 'A'", "channel 1 has no name"),
        ("[[notify.channel]]\nname = 'a'", "needs one of url_env and url_file"),
        (channel("url_file = 'b'"), "needs one of url_env and url_file"),
        (channel("url = 'json://x'"), "a URL contains a secret"),
        (channel("") + channel(""), "two channels are named one"),
        (channel("digset = '8'"), r"Did you mean digest\?"),
        (channel("digest = '8'"), "must be a time of day"),
        (channel("digest = 08:00:00"), "must be a time of day"),
        (channel("match = { team = ['a'] }"), "'team' in match of channel one. Known are: acc"),
        (channel("match = { owner = 'a' }"), r"owner in match of channel one must be a list"),
        (channel("match = { owner = [] }"), "must be a list"),
        (channel("match = { tier = [1] }"), "text in quotes, not 1"),
        (channel("match = 'a'"), "match of channel one must be a table"),
        (channel("match = { health = ['broke'] }"), r"Did you mean broken\?"),
        (channel("match = { health = ['paused'] }"), "not a health that counts as down"),
    ],
)
def test_what_is_wrong_is_said(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        config.parse(text, FOLDER)


@pytest.mark.parametrize("key", ["url_env", "url_file"])
@pytest.mark.parametrize("value", ["'{}'", "['{}']", "' {} '", "'json://h/{}'"])
def test_url_in_the_wrong_place_is_refused_and_not_repeated(key: str, value: str) -> None:
    written = value.format("slack://TokenA/TokenB")
    with pytest.raises(ValueError, match=f"{key} of channel one is not the name of a") as refused:
        config.parse(f"[[notify.channel]]\nname = 'one'\n{key} = {written}\n", FOLDER)
    assert "Token" not in str(refused.value)


def test_error_names_the_file(tmp_path: Path) -> None:
    file = tmp_path / "inventory.toml"
    with pytest.raises(ConfigurationError, match=r"inventory\.toml does not exist.*ONCALL_URL"):
        config.load({"INVENTORY_CONFIG": str(file)})
    file.write_text("[notifi]")
    with pytest.raises(ConfigurationError, match=f"^{re.escape(str(file))}: .*notifi"):
        config.load({"INVENTORY_CONFIG": str(file)})
    with pytest.raises(ConfigurationError, match=r"cannot be read: Is a directory"):
        config.load({"INVENTORY_CONFIG": str(tmp_path)})


def test_default_file_is_in_the_config_folder_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert config.path({}) == tmp_path / "config" / "inventory" / "config.toml"


def test_url_is_in_a_variable_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("json://a.example\n")
    (tmp_path / "two").write_text("json://a.example\njson://b.example\n")
    of_file = Channel(name="one", url_file=tmp_path / "url")
    assert config.url_of(of_file, {}).reveal() == "json://a.example"
    of_variable = Channel(name="one", url_env="ONE")
    assert config.url_of(of_variable, {"ONE": " json://a.example "}).reveal() == "json://a.example"
    for wrong in (of_variable, Channel(name="one", url_file=tmp_path / "two")):
        with pytest.raises(ConfigurationError):
            config.url_of(wrong, {})
    with pytest.raises(ConfigurationError, match="cannot be read"):
        config.url_of(Channel(name="one", url_file=tmp_path / "none"), {})
