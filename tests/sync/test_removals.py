"""Removals must be plausible: too many at once are withheld until somebody accepts them."""

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, select
from support.builders import (
    Account,
    Item,
    api_settings,
    everything,
    item,
    rows,
)

from inventory.cli import main
from inventory.db.engine import read_only
from inventory.db.views import VIEWS
from inventory.demo.fake_api import FakeApi
from inventory.settings import RemovalSettings
from inventory.sync.preview import preview
from inventory.sync.removals import implausible_removals
from inventory.sync.run import sync

ACCEPTING = RemovalSettings(accept=True)


# --- the decision ---------------------------------------------------------------------------


def groups(**sizes: int) -> dict[str, str | None]:
    """Known connectors: so many in each group, called a1, a2, ..."""
    known = {f"{group}{n}": group for group, size in sizes.items() for n in range(1, size + 1)}
    return {name: None if group == "no_group" else group for name, group in known.items()}


def ids(group: str, count: int) -> set[str]:
    return {f"{group}{n}" for n in range(1, count + 1)}


PLAUSIBLE = {
    "one of many": (groups(a=10), ids("a", 1)),
    "a fifth": (groups(a=25), ids("a", 5)),
    "many of very many": (groups(a=1000), ids("a", 200)),
    "most of a few": (groups(a=6), ids("a", 4)),
    "a small group": (groups(a=20, b=2), ids("b", 2)),
    "all but one of a group": (groups(a=20, b=5), ids("b", 4)),
    "all without a group": (groups(a=20, no_group=4), ids("no_group", 4)),
}
IMPLAUSIBLE = {
    "more than a fifth": (groups(a=24), ids("a", 5), "more than 20 %"),
    "one more than a fifth": (groups(a=600), ids("a", 121), "more than 20 %"),
    "a whole group": (groups(a=20, b=3), ids("b", 3), r"every connector of group b \(3\)"),
    "two whole groups": (
        groups(a=50, b=3, c=4),
        ids("b", 3) | ids("c", 4),
        r"every connector of groups b \(3\), c \(4\)\. A key",
    ),
    "a whole group and one without": (
        groups(a=50, b=3, no_group=1),
        ids("b", 3) | ids("no_group", 1),
        r"every connector of group b \(3\)",
    ),
    "both": (
        groups(a=9, b=5),
        ids("b", 5),
        r"more than 20 %, and every connector of group b \(5\)",
    ),
}


@pytest.mark.parametrize("case", PLAUSIBLE)
def test_few_removals_are_plausible(case: str) -> None:
    known, missing = PLAUSIBLE[case]
    assert (
        implausible_removals(len(known) - len(missing), missing, known, RemovalSettings()) is None
    )


@pytest.mark.parametrize("case", IMPLAUSIBLE)
def test_many_removals_are_implausible_unless_accepted(case: str) -> None:
    known, missing, reason = IMPLAUSIBLE[case]
    listed = len(known) - len(missing)
    withheld = implausible_removals(listed, missing, known, RemovalSettings())
    assert withheld is not None
    with pytest.raises(type(withheld), match=f"{len(missing)} of {len(known)} .*{reason}"):
        raise withheld
    assert implausible_removals(listed, missing, known, ACCEPTING) is None


def test_empty_list_is_implausible_however_few_connectors_are_known() -> None:
    known = groups(a=1)
    assert "none at all" in str(implausible_removals(0, {"a1"}, known, RemovalSettings()))
    assert implausible_removals(1, {"a1"}, known, RemovalSettings()) is None
    assert implausible_removals(0, set(), {}, RemovalSettings()) is None


def test_every_threshold_is_a_setting() -> None:
    known = groups(a=20, b=4)
    for settings, implausible in (
        ({"max_missing_group": 4}, True),
        ({"max_missing_group": 5}, False),
        ({"max_missing_group": 5, "max_missing_count": 4, "max_missing_percent": 16}, True),
        ({"max_missing_group": 5, "max_missing_count": 4, "max_missing_percent": 17}, False),
        ({"max_missing_group": 5, "max_missing_count": 5, "max_missing_percent": 16}, False),
    ):
        withheld = implausible_removals(20, ids("b", 4), known, RemovalSettings(**settings))
        assert (withheld is not None) == implausible, settings


def test_message_names_the_first_ids_and_escapes_control_characters() -> None:
    known: dict[str, Any] = {f"c{number:02}": "\x1b[31mgroup" for number in range(12)}
    words = str(
        implausible_removals(
            0, known.keys(), known | {"x": "other"}, RemovalSettings(max_missing_count=1)
        )
    )
    assert "none at all" in words
    words = str(implausible_removals(1, known.keys(), known | {"x": "other"}, RemovalSettings()))
    assert "c00, c01, c02, c03, c04, c05, c06, c07, c08, c09 and 2 more" in words
    assert r"\x1b[31mgroup (12)" in words


def test_message_says_how_many_lookups_it_takes() -> None:
    known, missing = groups(a=20), ids("a", 10)
    for most, flags in ((9, "--accept-removals --max-lookups 10"), (10, "--accept-removals")):
        words = str(implausible_removals(10, missing, known, RemovalSettings(max_lookups=most)))
        assert "a6, a7, a8, a9. Check what the key may read." in words
        assert f"run `inventory sync {flags}` once." in words


# --- in a run -------------------------------------------------------------------------------


def fill(account: Account, engine: Engine, api: FakeApi) -> list[Item]:
    """Store twenty connectors of group one and four of group two; return those of group one."""
    ones = [item(f"one_{number:02}") for number in range(20)]
    twos = [
        item(f"two_{number}", group_id="group_two", status={"warnings": [{"code": "w"}]})
        for number in range(4)
    ]
    account.connectors = ones + twos
    sync(engine, api_settings(api))
    return ones


def looked_up(api: FakeApi) -> list[str]:
    """The ids of all lookups."""
    parts = [request.path.split("/") for request in api.requests]
    return [tail for _, _, parent, *tails in parts if parent == "connectors" for tail in tails]


def test_withheld_removals_leave_the_missing_and_merge_the_rest(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    ones = fill(account, engine, api)
    before = everything(engine, but=("inventory_runs",))
    account.connectors = [*ones[1:], item("one_00", paused=True), item("new")]
    run = sync(engine, api_settings(api))
    assert (run["status"], run["error_code"]) == ("withheld", "removals_withheld")
    assert (run["withheld"], run["unconfirmed"], run["removed"]) == (4, 0, 0)
    assert (run["added"], run["changed"], run["connectors_seen"]) == (1, 1, 21)
    assert run["observed_at"] is not None
    assert looked_up(api) == []
    for table, stored in everything(engine, but=("inventory_runs",)).items():
        untouched = [row for row in stored if str(row[0]).startswith("two_")]
        assert untouched == [row for row in before[table] if str(row[0]).startswith("two_")]
    states = rows(engine, "connectors", "connector_id", "paused", "removed_at")
    assert len(states) == 25
    assert states[:2] == [("new", False, None), ("one_00", True, None)]


def test_removals_are_withheld_until_the_connectors_return(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    ones = fill(account, engine, api)
    whole = account.connectors
    before = everything(engine, but=("inventory_runs",))
    withheld = []
    for account.connectors in (ones, ones, []):
        withheld.append(sync(engine, api_settings(api)))
        assert withheld[-1]["status"] == "withheld"
        with read_only(engine) as connection:
            since = connection.scalar(select(VIEWS["latest_run"].table.c.withheld_since))
        assert since == withheld[0]["observed_at"]
    account.connectors = whole
    run = sync(engine, api_settings(api))
    assert (run["status"], run["error_message"], run["changed"]) == ("succeeded", None, 0)
    assert everything(engine, but=("inventory_runs",)) == before


def test_accepted_removals_are_looked_up_and_removed(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    account.connectors = fill(account, engine, api)
    sync(engine, api_settings(api))
    run = sync(engine, api_settings(api), ACCEPTING)
    assert sorted(looked_up(api)) == [f"two_{number}" for number in range(4)]
    assert (run["status"], run["removed"], run["withheld"]) == ("succeeded", 4, 0)
    assert len(rows(engine, "connector_status")) == 20
    assert sync(engine, api_settings(api))["status"] == "succeeded"


def test_preview_withholds_too(engine: Engine, api: FakeApi, account: Account) -> None:
    account.connectors = fill(account, engine, api)
    before = everything(engine)
    row, changes = preview(engine, api_settings(api))
    assert (row["withheld"], row["error_code"], changes) == (4, "removals_withheld", [])
    row, changes = preview(engine, api_settings(api), ACCEPTING)
    assert (row["withheld"], row["removed"], len(changes)) == (0, 4, 4)
    assert everything(engine) == before


def test_another_accounts_key_adds_and_never_removes(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    fill(account, engine, api)
    before = everything(engine, but=("inventory_runs",))
    account.account_id, account.connectors = "account_two", [item("theirs")]
    run = sync(engine, api_settings(api))
    assert (run["status"], run["added"], run["removed"]) == ("succeeded", 1, 0)
    after = everything(engine, but=("inventory_runs",))
    for table, stored in before.items():
        assert [row for row in after[table] if row[0] not in ("theirs", "account_two")] == stored


# --- at the command line --------------------------------------------------------------------


@pytest.fixture
def command(engine: Engine, environment: dict[str, str], api: FakeApi, account: Account) -> Any:
    """The command, in an account of which a whole group is missing."""
    account.connectors = fill(account, engine, api)

    def run(*words: str) -> Result:
        return CliRunner().invoke(main, ["sync", *words])

    return run


def test_command_that_withholds_exits_3_and_names_the_flag(command: Any) -> None:
    for words in ((), ("--quiet",), ("--dry-run",)):
        result = command(*words)
        assert result.exit_code == 3
        assert result.stderr.startswith("Error: The walk was complete, but 4 of 24 connectors")
        for telling in ("group_two (4)", "two_0, two_1, two_2, two_3", "--accept-removals"):
            assert telling in result.stderr
    assert command("--quiet").stdout == ""
    assert "4 missing connectors left unchanged" in command().stdout
    as_json = command("--format", "json")
    assert (as_json.exit_code, json.loads(as_json.stdout)["status"]) == (3, "withheld")
    shown = CliRunner().invoke(main, ["runs"]).stdout
    assert shown.count("--accept-removals") == 5


@pytest.mark.parametrize(
    ("words", "exit_code"),
    [
        (("--accept-removals",), 0),
        (("--max-missing-group", "5"), 0),
        (
            ("--max-missing-group", "5", "--max-missing-count", "4", "--max-missing-percent", "10"),
            3,
        ),
        (
            ("--max-missing-group", "5", "--max-missing-count", "4", "--max-missing-percent", "17"),
            0,
        ),
    ],
)
def test_command_takes_thresholds_and_the_flag(
    command: Any, words: tuple[str, ...], exit_code: int
) -> None:
    assert command(*words).exit_code == exit_code


def test_command_takes_the_bound_on_lookups(command: Any, engine: Engine) -> None:
    assert command("--accept-removals", "--max-lookups", "1").exit_code == 0
    assert command("--accept-removals", "--max-lookups", "0").exit_code == 0
    counts = rows(engine, "inventory_runs", "run_id", "removed", "unconfirmed")
    assert counts[1:] == [(2, 1, 3), (3, 0, 3)]
