"""`inventory metrics`: what is printed, that servers read it, and the file that it writes."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics
from sqlalchemy import Engine, text
from support.builders import T0, Account, FakeClock, Item, api_settings, item
from support.forks import Case, run_one
from support.promtool import promtool
from support.references import group, serve
from support.wrong_clock import stop_clock

from inventory.db.engine import transaction
from inventory.demo.fake_api import FakeApi, FakeResponse
from inventory.errors import ApiUnavailableError
from inventory.health import SEVERITIES
from inventory.metrics.exposition import exposition, written
from inventory.metrics.families import MAX_DOWN, families
from inventory.sync.run import sync

HOUR = timedelta(hours=1)
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]

TAGS = """insert into tags values ('connector', 'crm', 'owner', 'growth'),
  ('service', 's3', 'owner', 'nobody asked')"""
CHANNELS = """insert into notification_channels (channel, first_used_at, failing_since)
  values ('ops', :now, :now), ('digest', :now, null)"""
QUOTA = """update inventory_runs
  set rate_limit_remaining = case when run_id < 3 then 4240 + run_id end"""
# Three runs of one account, the last two an hour apart from the one before. `crm` broke in the
# second, `ads` in the first; `ads` works again since the third. Another account only failed.
EXPECTED = """\
# HELP inventory_last_complete_run_timestamp_seconds When the last complete run read the account, \
in seconds since 1970; 0 = none has.
# TYPE inventory_last_complete_run_timestamp_seconds gauge
inventory_last_complete_run_timestamp_seconds{account_id="account_one"} 1.7935092e+09
inventory_last_complete_run_timestamp_seconds{account_id="account_two"} 0.0
# HELP inventory_run_interval_seconds Usual time between two complete runs; 8 hours as long as it \
is unknown.
# TYPE inventory_run_interval_seconds gauge
inventory_run_interval_seconds{account_id="account_one"} 3600.0
inventory_run_interval_seconds{account_id="account_two"} 28800.0
# HELP inventory_run_duration_seconds How long the last complete run took.
# TYPE inventory_run_duration_seconds gauge
inventory_run_duration_seconds{account_id="account_one"} 0.0
# HELP inventory_rate_limit_remaining Requests that the account's quota of the hour had left after \
the last run that knew it.
# TYPE inventory_rate_limit_remaining gauge
inventory_rate_limit_remaining{account_id="account_one"} 4242.0
# HELP inventory_api_requests_total Requests that runs have sent, retries included.
# TYPE inventory_api_requests_total counter
inventory_api_requests_total{account_id="account_one"} 77.0
inventory_api_requests_total{account_id="account_two"} 0.0
# HELP inventory_outages_opened_total Outages that runs have seen begin.
# TYPE inventory_outages_opened_total counter
inventory_outages_opened_total{account_id="account_one"} 2.0
inventory_outages_opened_total{account_id="account_two"} 0.0
# HELP inventory_outages_closed_total Outages that runs have seen end.
# TYPE inventory_outages_closed_total counter
inventory_outages_closed_total{account_id="account_one"} 1.0
inventory_outages_closed_total{account_id="account_two"} 0.0
# HELP inventory_connectors Connectors that exist, by their health now.
# TYPE inventory_connectors gauge
inventory_connectors{account_id="account_one",group="Sales",health="broken",service="hubspot"} 1.0
inventory_connectors{account_id="account_one",group="group_two",health="healthy",service="s3"} 2.0
# HELP inventory_open_outages Connectors that were down in the last complete run.
# TYPE inventory_open_outages gauge
inventory_open_outages{account_id="account_one"} 1.0
inventory_open_outages{account_id="account_two"} 0.0
# HELP inventory_connector_down 1 for each connector that was down in the last complete run: the \
500 worst.
# TYPE inventory_connector_down gauge
inventory_connector_down{account_id="account_one",connector_id="crm",group="Sales",\
owner="growth",schema_name="crm_schema",service="hubspot"} 1.0
# HELP inventory_connector_down_omitted Connectors that are down without a sample, as there are \
more than 500.
# TYPE inventory_connector_down_omitted gauge
inventory_connector_down_omitted 0.0
# HELP inventory_channel_failing Whether the last message to a channel of inventory notify could \
not be delivered.
# TYPE inventory_channel_failing gauge
inventory_channel_failing{channel="digest"} 0.0
inventory_channel_failing{channel="ops"} 1.0
"""


@pytest.fixture
def lived(engine: Engine, api: FakeApi, account: Account) -> Engine:
    """A database in which it is the time of the last complete run."""
    clock = FakeClock()
    serve(account, groups=[group("group_one", name="Sales")])
    for crm, ads in (("connected", "broken"), ("broken", "broken"), ("broken", "connected")):
        account.connectors = [
            connector("crm", crm, service="hubspot"),
            connector("ads", ads, service="s3", group_id="group_two"),
            connector("erp", "connected", service="s3", group_id="group_two"),
        ]
        sync(engine, api_settings(api, account="account_one"), clock=clock)
        clock.now += HOUR
    clock.now -= HOUR
    fail(engine, api, clock, "account_two")
    with transaction(engine) as connection:
        connection.execute(text(TAGS))
        connection.execute(text(CHANNELS), {"now": f"{clock.now}"})
        connection.execute(text(QUOTA))
        connection.execute(text("update accounts set requests = 77"))
    stop_clock(engine, clock.now)
    return engine


def connector(connector_id: str, setup_state: str, **more: Any) -> Item:
    return item(connector_id, schedule_type="manual", status={"setup_state": setup_state}, **more)


def fail(engine: Engine, api: FakeApi, clock: FakeClock, account: str) -> None:
    api.intercept = lambda _: FakeResponse.error(500, "Oops")
    with pytest.raises(ApiUnavailableError):
        sync(engine, api_settings(api, account=account, attempts=1), clock=clock)


# --- what is printed ------------------------------------------------------------------------


def test_metrics_tell_how_the_accounts_are(lived: Engine) -> None:
    assert exposition(lived, "prometheus").decode() == EXPECTED


def test_both_formats_say_the_same_and_are_read_by_their_servers(lived: Engine) -> None:
    plain, open_metrics = (exposition(lived, name) for name in ("prometheus", "openmetrics"))
    assert_valid(plain)
    assert samples(plain) == samples(open_metrics, openmetrics.text_string_to_metric_families)
    assert len(samples(plain)) == 20
    assert open_metrics.endswith(b"\n# EOF\n")


def test_old_data_keeps_outages_open_and_says_that_health_is_unknown(lived: Engine) -> None:
    stop_clock(lived, T0 + timedelta(days=2))
    found = samples(exposition(lived, "prometheus"))
    assert values(found, "inventory_connectors", "health") == {"unobserved": 1 + 2}
    assert values(found, "inventory_connector_down", "connector_id") == {"crm": 1}
    assert values(found, "inventory_open_outages", "account_id")["account_one"] == 1


def test_before_the_first_run_there_is_no_account(empty_url: str, monkeypatch: Any) -> None:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", empty_url)
    printed = run_one(Case(("metrics",)))
    assert (printed.code, printed.err) == (0, "")
    assert samples(printed.out.encode()) == {("inventory_connector_down_omitted", frozenset()): 0}
    assert_valid(printed.out.encode())


HOSTILE = [
    'quote " backslash \\ newline \n return \r NUL \0 bell \a',
    "half \ud83d of an emoji, and a whole one \N{PILE OF POO}",
    "\u2028 \u2029 \x85 \u202e }{=, # HELP x y",
    "x" * 10_000,
    "x" * 10_001,
    "",
]


@pytest.mark.parametrize("output_format", ["prometheus", "openmetrics"])
def test_no_name_makes_the_text_invalid(output_format: str) -> None:
    down = [row("broken", f"c{number}", name) for number, name in enumerate(HOSTILE)]
    channels = [{"channel": name, "failing_since": None} for name in HOSTILE]
    text = written([*families([], down, channels)], output_format)
    if output_format == "prometheus":
        assert_valid(text)
        found = samples(text)
    else:
        found = samples(text, openmetrics.text_string_to_metric_families)
    for name in ("schema_name", "owner", "group"):
        labels = values(found, "inventory_connector_down", name)
        assert sum(labels.values()) == len(HOSTILE)
        assert all(label.isprintable() and len(label) <= 256 for label in labels)
    assert sum(values(found, "inventory_connectors", "service").values()) == len(HOSTILE)
    assert any('quote " backslash \\ newline \\n' in label for label in labels)


def row(health: str, connector_id: str, name: str = "n") -> dict[str, Any]:
    names = dict.fromkeys(("schema_name", "service", "group_name", "group_id", "owner"), name)
    known = {"connector_id": connector_id, "account_id": "one", "health": health}
    severity = {"severity": SEVERITIES[health], "is_down": True, "observed_health": health}
    return names | known | severity


def test_only_the_worst_are_listed_and_the_others_counted() -> None:
    down = [row("broken" if n < MAX_DOWN else "stale", f"c{n}") for n in range(MAX_DOWN + 7)]
    found = samples(written([*families([], down, [])], "prometheus"))
    listed = values(found, "inventory_connector_down", "connector_id")
    assert listed == {f"c{number}": 1 for number in range(MAX_DOWN)}
    assert found["inventory_connector_down_omitted", frozenset()] == 7


def test_removed_connectors_are_not_counted() -> None:
    removed = row("broken", "c1") | {"health": "deleted", "is_down": False}
    found = samples(written([*families([], [removed], [])], "prometheus"))
    assert found == {("inventory_connector_down_omitted", frozenset()): 0}


def samples(
    printed: bytes, parse: Callable[[str], Any] = parser.text_string_to_metric_families
) -> Samples:
    found = {}
    for family in parse(printed.decode()):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


def values(found: Samples, name: str, label: str) -> dict[str, float]:
    """The values of a metric, added up by a label."""
    added: dict[str, float] = {}
    for (metric, labels), value in found.items():
        if metric == name:
            added[dict(labels)[label]] = added.get(dict(labels)[label], 0) + value
    return added


def assert_valid(printed: bytes) -> None:
    checked = promtool("check", "metrics", given=printed)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


# --- the file -------------------------------------------------------------------------------


@pytest.fixture
def file(lived: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    url = lived.url.render_as_string(hide_password=False)
    monkeypatch.setenv("INVENTORY_DATABASE_URL", url)
    folder = tmp_path / "textfile"
    folder.mkdir()
    return folder / "inventory.prom"


def write(file: Path, **odd: Any) -> Any:
    return run_one(Case(("metrics", "--textfile", str(file)), **odd))


def test_file_is_written_whole_and_readable_for_all(file: Path) -> None:
    file.write_text("old")
    file.chmod(0o600)
    with file.open() as reader:
        ended = write(file, umask=0o077)
        assert reader.read() == "old"
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    assert file.read_text() == EXPECTED
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert os.listdir(file.parent) == ["inventory.prom"]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # SQLite writes as well
def test_file_that_cannot_be_written_leaves_the_old_one(file: Path) -> None:
    file.write_text("old")
    ended = write(file, size=1000)
    assert ended.code == 1
    assert ended.err == f"Error: {file} could not be written: File too large.\n"
    assert file.read_text() == "old"
    assert os.listdir(file.parent) == ["inventory.prom"]


@pytest.mark.parametrize("name", ["no/such/folder/x.prom", ""])
def test_path_that_cannot_be_written_is_a_setting_to_correct(file: Path, name: str) -> None:
    ended = write(file.parent / name) if name else run_one(Case(("metrics", "--textfile", "")))
    assert ended.code == 2
    assert "--textfile" in ended.err
    assert "--output" not in ended.err
    assert os.listdir(file.parent) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_database_is_not_overwritten(file: Path, lived: Engine) -> None:
    database = Path(str(lived.url.database))
    before = database.read_bytes()
    ended = write(database)
    assert ended.code == 2
    assert "is the database. Nothing was written; pass another file to --textfile." in ended.err
    assert database.read_bytes() == before


# --- the extra ------------------------------------------------------------------------------

WITHOUT = """
import sys
sys.modules["prometheus_client"] = None
from inventory.__main__ import run
run()
"""


def test_missing_extra_is_named_in_a_line() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, "metrics"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("Error: `inventory metrics` needs prometheus-client")
    assert done.stderr.endswith("repository: pipx install --force '.[notify]'\n")
    assert done.stderr.count("\n") == 1
