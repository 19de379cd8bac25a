"""`inventory tag`, and what tags change in other commands."""

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, text
from support.builders import Account, api_settings, connect, item, rows
from support.references import connector_type, group, serve, user

from inventory.cli import main
from inventory.db import engine as database
from inventory.demo.fake_api import FakeApi
from inventory.sync.run import sync

HEADER = "scope,scope_id,name,value\n"
BROKEN = {"setup_state": "broken"}


@pytest.fixture
def tagged(
    database_url: str, account: Account, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> Engine:
    """Three connectors after a run, without a tag; two are down."""
    monkeypatch.setenv("INVENTORY_DATABASE_URL", database_url)
    serve(
        account,
        groups=[group("north_id", name="North"), group("south_id", name="South")],
        connector_types=[connector_type("hubspot", name="HubSpot")],
        destinations=[],
        users=[user("user_one"), user("user_two")],
    )
    down = {"status": BROKEN, "schedule_type": "manual"}
    account.connectors = [
        item("one", schema="crm", service="hubspot", group_id="north_id", **down),
        item("two", schema="shop", group_id="north_id", connected_by="user_two", **down),
        item("three", schema="sheet", group_id="south_id", schedule_type="manual"),
    ]
    engine = connect(database_url)
    sync(engine, api_settings(api))
    return engine


def run(*words: str, given: bytes | None = None) -> Result:
    return CliRunner().invoke(main, words, input=given)


def succeed(*words: str, given: bytes | None = None) -> str:
    result = run(*words, given=given)
    assert result.exit_code == 0, result.output
    return result.stdout


def tags(engine: Engine) -> list[str]:
    return [" ".join(row) for row in rows(engine, "tags", "scope", "scope_id", "name", "value")]


def test_tags_are_set_for_what_is_named_by_id_or_name(tagged: Engine) -> None:
    said = [
        succeed("tag", "set", "owner=growth", "--service", "hubSPOT"),
        succeed("tag", "set", "owner=a=b", "tier=1", "--group", "NORTH", "--group", "south_id"),
        succeed("tag", "set", "owner=all", "--account", "account one"),
        succeed("tag", "set", "owner=", "note= two words", "CRM", "two"),
        succeed("tag", "set", "owner=data", "--service", "hubspot"),
    ]
    assert said == [
        "Set owner=growth for service hubspot.\n",
        "Set owner=a=b, tier=1 for 2 groups.\n",
        "Set owner=all for account account_one.\n",
        "Set owner=, note= two words for 2 connectors.\n",
        "Set owner=data for service hubspot.\n",
    ]
    assert tags(tagged) == [
        "account account_one owner all",
        "connector one note  two words",
        "connector one owner ",
        "connector two note  two words",
        "connector two owner ",
        "group north_id owner a=b",
        "group north_id tier 1",
        "group south_id owner a=b",
        "group south_id tier 1",
        "service hubspot owner data",
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("owner=x", "--group", "Nort"),
            "There is no group named Nort. Did you mean North or north_id?",
        ),
        (("owner=x", "--service", "hub"), "There is no service named hub. Did you mean HubSpot"),
        (("owner=x", "--account", "zz"), "There is no account named zz. `inventory query"),
        (("owner=x", "one", "twoo"), "There is no connector named twoo. Did you mean two?"),
        (("slo_minutes=0", "one"), "slo_minutes must be a whole number of minutes from 1 to"),
        (("mute_until=never", "one"), "mute_until must be a time such as 2026-11-20T03:00Z"),
        (("runbook_url=http://u:pw@a", "one"), "without user and password."),
        (("Owner=x", "one"), "A tag named Owner has no meaning: write owner."),
        (("=x", "one"), "The name of a tag must be printable"),
        (("owner=x",), "Name a connector, or pass --account, --group or --service."),
        (("owner", "one"), "Write each tag as NAME=VALUE"),
        (("owner=x", "owner=y", "one"), "A tag is given twice."),
        (("owner=x", "--group", "a", "--service", "b"), "--group and --service cannot be"),
        (("owner=x", "one", "--group", "North"), "one is a connector, which cannot be combined"),
    ],
)
def test_what_cannot_be_set_is_an_error_and_nothing_is_written(
    tagged: Engine, words: tuple[str, ...], message: str
) -> None:
    result = run("tag", "set", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert "pw" not in result.stderr
    assert tags(tagged) == []


def test_tags_are_removed_from_what_is_named(tagged: Engine) -> None:
    succeed("tag", "set", "owner=x", "tier=1", "one", "two")
    succeed("tag", "set", "owner=x", "tier=1", "--group", "north")
    by_sql(tagged, "insert into tags values ('group', 'gone', 'owner', 'x')")
    assert succeed("tag", "unset", "owner", "one", "shop") == "Removed owner of 2 connectors.\n"
    assert succeed("tag", "unset", "owner", "tier", "--group", "North") == (
        "Removed owner, tier of group north_id.\n"
    )
    assert succeed("tag", "unset", "owner", "--group", "gone") == "Removed owner of group gone.\n"
    assert tags(tagged) == ["connector one tier 1", "connector two tier 1"]
    again = run("tag", "unset", "owner", "one")
    assert (again.exit_code, again.stdout, again.stderr) == (0, "", "No such tag was set.\n")
    assert run("tag", "unset", "owner", "nobody").exit_code == 2
    assert run("tag", "unset", "owner").exit_code == 2


def by_sql(engine: Engine, *statements: str) -> None:
    with database.transaction(engine) as connection:
        for statement in statements:
            connection.execute(text(statement))


def test_list_shows_what_is_set_and_for_a_connector_what_counts(tagged: Engine) -> None:
    assert run("tag", "list").stderr == "No tag is set.\n"
    assert json.loads(succeed("tag", "list", "--format", "json")) == []
    succeed("tag", "set", "owner=growth", "--group", "North")
    succeed("tag", "set", "owner=Ada", "crm")
    by_sql(tagged, "insert into tags values ('service', 'gone', 'tier', '\x1b[1m')")
    assert [line.split() for line in succeed("tag", "list").splitlines()] == [
        ["scope", "scope_id", "scope_name", "name", "value"],
        ["group", "north_id", "North", "owner", "growth"],
        ["service", "gone", "-", "tier", r"\x1b[1m"],
        ["connector", "one", "crm", "owner", "Ada"],
    ]
    for name, value, scope in (("crm", "Ada", "connector"), ("two", "growth", "group")):
        [row] = json.loads(succeed("tag", "list", name, "--format", "json"))
        assert (row["name"], row["value"], row["scope"]) == ("owner", value, scope)


def test_export_is_imported_unchanged_also_after_a_spreadsheet_saved_it(
    tagged: Engine, tmp_path: Path
) -> None:
    hostile = ' "a";b,c\r\n=1+1 ä\u2028'
    succeed("tag", "set", f"note={hostile}", "owner=", "--service", "hubspot")
    succeed("tag", "set", "mute_until=2h", "crm")
    exported, before = run("tag", "export").stdout_bytes.decode(), tags(tagged)
    assert exported.startswith(HEADER)
    table = list(csv.reader(io.StringIO(exported, newline="")))
    semicolons = io.StringIO(newline="")
    csv.writer(semicolons, delimiter=";").writerows([*table, ["", "", "", ""]])
    for content in (
        exported.encode(),
        exported.encode("utf-8-sig"),
        semicolons.getvalue().encode("utf-8-sig"),
        exported.replace(HEADER, "Scope , scope_id,name,value\r\n").encode(),
    ):
        by_sql(tagged, "delete from tags")
        assert succeed("tag", "import", "-", given=content) == "Set 3 tags; 0 were set already.\n"
        assert tags(tagged) == before
    file = tmp_path / "tags.csv"
    file.write_text(exported, newline="")
    assert succeed("tag", "import", str(file)) == "Set 0 tags; 3 were set already.\n"


def test_import_takes_names_and_other_columns_and_leaves_what_it_does_not_name(
    tagged: Engine,
) -> None:
    succeed("tag", "set", "owner=x", "tier=1", "crm")
    content = "value,name,who,scope,scope_id\n2,tier,me,Connector,CRM\n\ny,owner,,group,south\n"
    assert succeed("tag", "import", "-", given=content.encode()).startswith("Set 2 tags;")
    assert tags(tagged) == [
        "connector one owner x",
        "connector one tier 2",
        "group south_id owner y",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "stdin has no column scope. Its first line must be: scope,scope_id,name,value."),
        ("scope,scope_id,name\n", "stdin has no column value."),
        (HEADER + "group,north_id,owner\n", "stdin, line 2: it has fewer cells than line 1."),
        (HEADER + 'group,north_id,owner,"x\n', "stdin is not a CSV file: unexpected end of data."),
        (HEADER + "group,north_id,owner,\0\n", "NUL character"),
        (b"\xff\xfe" + HEADER.encode("utf-16-le"), "stdin is not valid UTF-8"),
        (HEADER + "planet,mars,owner,x\n", "Line 2: There is no scope named planet. It is one of"),
        (
            HEADER + 'group,north,note,"a\nb"\ngroup,Nort,owner,x\n\nservice,hubspot,tier,"\x1b"\n',
            "Nothing was imported. Line 4: There is no group named Nort. "
            "Did you mean North or north_id? Line 6: tier must be one line of printable text.",
        ),
        (
            HEADER + "group,north_id,owner,x\ngroup,North,owner,x\n",
            "Line 3: It sets the same tag as line 2.",
        ),
    ],
)
def test_file_with_an_error_is_not_imported_at_all(
    tagged: Engine, content: str | bytes, message: str
) -> None:
    whole = content if isinstance(content, bytes) else content.encode()
    result = run("tag", "import", "-", given=whole)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert tags(tagged) == []


def test_file_that_cannot_be_read_is_named(tagged: Engine, tmp_path: Path) -> None:
    for file in (tmp_path, tmp_path / "none.csv"):
        result = run("tag", "import", str(file))
        assert result.exit_code == 2
        assert result.stderr.startswith(f"Error: {file} cannot be read: ")


def test_database_without_tables_is_not_created(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "new.db"
    monkeypatch.setenv("INVENTORY_DATABASE_URL", f"sqlite:///{file}")
    for words in (("set", "owner=x", "one"), ("unset", "owner", "one"), ("list",), ("export",)):
        result = run("tag", *words)
        assert result.exit_code == 2
        assert "has no inventory yet: run `inventory sync` first." in result.stderr
    assert not file.exists()


def test_owner_is_the_tag_or_else_the_creator(tagged: Engine) -> None:
    succeed("tag", "set", "owner=Growth", "crm")
    listed = {
        owner: {row["connector_id"] for row in json.loads(succeed(*words, "--owner", owner))}
        for owner in ("growth", "user_one", "USER_TWO", "nobody")
        for words in [("status", "--format", "json")]
    }
    assert listed == {
        "growth": {"one"},
        "user_one": {"three"},
        "USER_TWO": {"two"},
        "nobody": set(),
    }
    both = succeed("status", "--format", "json", "--owner", "growth", "--owner", "user_one")
    assert len(json.loads(both)) == 2


@pytest.mark.parametrize(
    "words", [("incidents",), ("changes", "--since", "1h"), ("at", "0m"), ("status", "--down")]
)
def test_commands_show_the_connectors_of_an_owner_only(
    tagged: Engine, words: tuple[str, ...]
) -> None:
    succeed("tag", "set", "owner=growth", "crm")
    whole = json.loads(succeed(*words, "--format", "json"))
    some = json.loads(succeed(*words, "--format", "json", "--owner", "growth"))
    assert some
    assert some == [row for row in whole if row["connector_id"] == "one"]
    assert len(some) < len(whole)


def test_table_shows_owners_if_there_are_any(tagged: Engine) -> None:
    def headings(*words: str) -> list[str]:
        return succeed(*words).splitlines()[0].split()

    for words in (("status",), ("incidents",)):
        assert "owner" not in headings(*words)
    succeed("tag", "set", "owner=growth", "crm")
    for words in (("status",), ("incidents",)):
        assert "owner" in headings(*words)
        assert "growth" in succeed(*words)


def test_check_reports_the_connectors_of_an_owner_and_all_problems_of_the_data(
    tagged: Engine, api: FakeApi
) -> None:
    succeed("tag", "set", "owner=growth", "crm")
    succeed("tag", "set", "owner=data", "three")

    def problems(*words: str) -> list[str]:
        result = run("check", "--format", "json", *words)
        found = [row["connector_id"] or row["problem_type"] for row in json.loads(result.stdout)]
        assert result.exit_code == (3 if found else 0)
        return found

    assert sorted(problems()) == ["one", "two"]
    assert problems("--owner", "growth") == ["one"]
    assert problems("--owner", "data") == []
    assert "connectors=1 down=1" in run("check", "--nagios", "--owner", "growth").stdout
    by_sql(tagged, "update inventory_runs set withheld = 9, status = 'withheld'")
    assert problems("--owner", "data") == ["withheld"]


def test_check_of_an_owner_of_nothing_is_an_error(tagged: Engine) -> None:
    succeed("tag", "set", "owner=growth", "crm")
    result = run("check", "--owner", "growht")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == ("Error: No connector has the owner growht. Did you mean growth?\n")
    assert run("check", "--nagios", "--owner", "nobody").exit_code == 3


def test_connector_with_another_owner_is_over_but_not_removed(
    tagged: Engine, tmp_path: Path
) -> None:
    succeed("tag", "set", "owner=growth", "crm", "sheet")
    words = ("check", "--owner", "growth", "--state", str(tmp_path / "state"))
    assert run(*words).stdout.startswith("new: broken: crm (one)")
    succeed("tag", "set", "owner=data", "crm")
    result = run(*words)
    assert (result.exit_code, result.stdout[:24]) == (0, "over: broken: crm (one):")


def test_verify_reports_values_that_count_as_none(tagged: Engine) -> None:
    succeed("tag", "set", "owner=", "slo_minutes=60", "note=\x1b", "crm")
    assert run("db", "verify").exit_code == 0
    by_sql(
        tagged,
        "insert into tags values ('group', 'north_id', 'slo_minutes', 'soon')",
        "insert into tags values ('service', 'postgres', 'slo_minutes', '0')",
        "insert into tags values ('service', 'postgres', 'mute_until', 'x')",
    )
    result = run("db", "verify")
    assert result.exit_code == 3
    assert result.stdout.splitlines() == [
        "tags: mute_until must be a time such as 2026-11-20T03:00Z, or a duration from now such as "
        "2h: another value counts as none (1, for example service postgres)",
        "tags: slo_minutes must be a whole number of minutes from 1 to 525600: another value "
        "counts as none (2, for example group north_id)",
    ]
