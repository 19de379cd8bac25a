"""The tag slo_minutes, through runs: when a connector is due, and from when on.

Every connector here has succeeded at 01:00, and runs begin at 03:00 (T0). With its schedule of six
hours it would be due 13 hours after the success.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text
from support.builders import T0, Account, FakeClock, api_settings, item, rows

from inventory import queries
from inventory.db import engine as database
from inventory.db import views
from inventory.demo.fake_api import FakeApi, FakeResponse, Request
from inventory.settings import EnrichmentSettings
from inventory.sync.preview import preview
from inventory.sync.run import sync
from inventory.tags.store import Assignment, set_tags, unset_tags

SUCCEEDED = T0 - timedelta(hours=2)
BY_SCHEDULE = SUCCEEDED + timedelta(hours=13)
HOUR = timedelta(hours=1)

Sync = Callable[..., Any]


def synced(connector_id: str = "one", **more: Any) -> dict[str, Any]:
    return item(connector_id, **{"succeeded_at": "2026-11-01T01:00:00Z"} | more)


@pytest.fixture
def next_run(engine: Engine, api: FakeApi, clock: FakeClock) -> Sync:
    """Runs, an hour after the run before; returns the row of the run."""

    def run(**more: Any) -> Any:
        row = sync(engine, api_settings(api), clock=clock, **more)
        assert row["status"] == "succeeded"
        clock.now += HOUR
        return row

    return run


def tag(engine: Engine, value: str | int, connector: str = "one") -> None:
    set_tags(engine, [Assignment("connector", connector, "slo_minutes", str(value))])


def by_sql(engine: Engine, statement: str) -> None:
    with database.transaction(engine) as connection:
        connection.execute(text(statement))


def tag_by_sql(engine: Engine, scope: str, scope_id: str, value: str) -> None:
    by_sql(engine, f"insert into tags values ('{scope}', '{scope_id}', 'slo_minutes', '{value}')")


def due(engine: Engine, connector_id: str = "one") -> tuple[datetime | None, int | None]:
    found = {key: rest for key, *rest in rows(engine, "connector_status", *COLUMNS)}
    return tuple(found[connector_id])


COLUMNS = ("connector_id", "due_at", "slo_minutes")


def minutes(number: int) -> tuple[datetime, int]:
    return SUCCEEDED + timedelta(minutes=number), number


def test_tag_of_an_unchanged_connector_takes_effect_at_the_next_run_and_ends(
    engine: Engine, account: Account, next_run: Sync
) -> None:
    account.connectors = [synced(), synced("other")]
    next_run()
    assert due(engine) == (BY_SCHEDULE, None)
    for value in (300, 30):  # set, then changed
        tag(engine, value)
        run = next_run()
        assert due(engine) == minutes(value)
        assert (run["added"], run["removed"], run["anomalies"]) == (0, 0, 0)
    assert due(engine, "other") == (BY_SCHEDULE, None)
    unset_tags(engine, ["slo_minutes"], "connector", ["one"])
    next_run()
    assert due(engine) == (BY_SCHEDULE, None)


def test_more_specific_tag_counts_and_one_that_is_empty_or_unreadable_means_the_schedule(
    engine: Engine, account: Account, next_run: Sync
) -> None:
    account.connectors = [
        synced("of_account", service="s3"),
        synced("of_group", service="s3", group_id="north"),
        synced("of_service", group_id="north"),
        synced("own", group_id="north"),
        synced("none"),
        synced("odd"),
    ]
    tag_by_sql(engine, "account", "account_one", "100")
    tag_by_sql(engine, "account", "another", "101")
    tag_by_sql(engine, "group", "north", "200")
    tag_by_sql(engine, "service", "postgres", "300")
    tag_by_sql(engine, "connector", "own", " 400 ")
    tag_by_sql(engine, "connector", "none", "")
    tag_by_sql(engine, "connector", "odd", "soon")
    wanted = {
        "of_account": minutes(100),
        "of_group": minutes(200),
        "of_service": minutes(300),
        "own": minutes(400),
        "none": (BY_SCHEDULE, None),
        "odd": (BY_SCHEDULE, None),
    }
    for _ in range(2):  # as new connectors, then unchanged
        next_run()
        assert {name: due(engine, name) for name in wanted} == wanted


@pytest.mark.parametrize("value", ["0", "-5", "1.5", "525601", "9999999", "٣", "1e3", "\t", "1 2"])
def test_unreadable_value_by_sql_stops_no_run(
    engine: Engine, account: Account, next_run: Sync, value: str
) -> None:
    account.connectors = [synced()]
    next_run()
    tag_by_sql(engine, "connector", "one", value)
    next_run()
    assert due(engine) == (BY_SCHEDULE, None)


def test_connector_that_moves_gets_the_service_level_of_its_new_group(
    engine: Engine, account: Account, next_run: Sync
) -> None:
    tag_by_sql(engine, "group", "north", "60")
    account.connectors = [synced(group_id="north")]
    next_run()
    assert due(engine) == minutes(60)
    account.connectors = [synced(group_id="south")]
    next_run()
    assert due(engine) == (BY_SCHEDULE, None)
    tag_by_sql(engine, "group", "south", "90")
    next_run()
    assert due(engine) == minutes(90)


def test_manual_connector_is_due_by_its_service_level_only(
    engine: Engine, account: Account, next_run: Sync
) -> None:
    account.connectors = [synced(schedule_type="manual")]
    next_run()
    assert due(engine) == (None, None)
    tag(engine, 60)
    next_run()
    assert due(engine) == minutes(60)
    assert rows(engine, "connector_status", "health") == [("stale",)]
    unset_tags(engine, ["slo_minutes"], "connector", ["one"])
    next_run()
    assert due(engine) == (None, None)
    assert rows(engine, "connector_status", "health") == [("healthy",)]


def test_connector_that_never_succeeded_is_not_due(
    engine: Engine, account: Account, next_run: Sync
) -> None:
    account.connectors = [synced(succeeded_at=None)]
    tag_by_sql(engine, "account", "account_one", "60")
    next_run()
    assert due(engine) == (None, 60)
    assert rows(engine, "connector_status", "health") == [("never_synced",)]


def test_success_that_cannot_be_read_makes_nothing_overdue(
    engine: Engine, account: Account, next_run: Sync
) -> None:
    tag_by_sql(engine, "account", "account_one", "600")
    account.connectors = [synced()]
    next_run()
    account.connectors = [synced(succeeded_at="yesterday")]
    next_run()
    assert due(engine) == (None, 600)
    tag(engine, 30)
    next_run()
    assert due(engine) == (None, 30)
    assert rows(engine, "connector_status", "health") == [("healthy",)]


def test_group_that_cannot_be_read_stays_the_one_of_the_tag(
    engine: Engine, account: Account, next_run: Sync
) -> None:
    tag_by_sql(engine, "group", "north", "60")
    account.connectors = [synced(group_id="north")]
    next_run()
    account.connectors = [synced(group_id=["north"])]
    next_run()
    assert due(engine) == minutes(60)


def test_stale_connector_says_that_the_tag_decided(
    engine: Engine, account: Account, clock: FakeClock, next_run: Sync
) -> None:
    account.connectors = [synced()]
    next_run()
    tag(engine, 30)
    next_run()
    with database.transaction(engine) as connection:
        views.stop_clock(connection, T0 + HOUR)
    with database.read_only(engine) as connection:
        [row] = queries.status(connection)
    assert (row["health"], row["is_down"]) == ("stale", True)
    # The deadline is before the run that was the first to know of it.
    assert row["health_since"] == T0 + HOUR
    assert row["reason"] == (
        "no success since 2026-11-01 01:00 UTC: due within 30 minutes by its tag slo_minutes, "
        "overdue since 2026-11-01 01:30 UTC"
    )


def test_service_level_that_passes_between_runs_is_the_beginning_of_the_outage(
    engine: Engine, account: Account, next_run: Sync
) -> None:
    account.connectors = [synced()]
    tag_by_sql(engine, "account", "account_one", "150")
    next_run()
    next_run()
    assert rows(engine, "connector_status", "health", "health_since") == [
        ("stale", SUCCEEDED + timedelta(minutes=150))
    ]


def test_details_and_lookups_follow_the_service_level(
    engine: Engine, account: Account, api: FakeApi, clock: FakeClock, next_run: Sync
) -> None:
    details = {"enrichment": EnrichmentSettings(details="all")}
    account.connectors = [synced(), synced("hidden"), synced("more")]
    account.more = {name: {"config": {"host": "db"}} for name in ("one", "hidden", "more")}
    next_run(**details)
    tag_by_sql(engine, "account", "account_one", "60")
    next_run(**details)
    assert due(engine) == due(engine, "hidden") == minutes(60)
    tag(engine, 70, "hidden")
    api.intercept = without_listing(account, "hidden")
    run = next_run()
    assert (run["removed"], run["unconfirmed"]) == (0, 0)
    assert due(engine, "hidden") == minutes(70)
    unset_tags(engine, ["slo_minutes"], "account", ["account_one"])
    next_run(**details)
    assert due(engine) == (BY_SCHEDULE, None)
    assert due(engine, "hidden") == minutes(70)


def test_service_that_only_details_tell_has_its_service_level(
    engine: Engine, account: Account, next_run: Sync
) -> None:
    listed = synced()
    account.more = {"one": {"service": listed.pop("service"), "config": {"host": "db"}}}
    account.connectors = [listed]
    next_run(enrichment=EnrichmentSettings(details="all"))
    tag_by_sql(engine, "service", "postgres", "60")
    next_run()
    assert due(engine) == minutes(60)


def without_listing(
    account: Account, connector_id: str
) -> Callable[[Request], FakeResponse | None]:
    """Leave a connector out of the list; a lookup by its id still finds it."""

    def answer(request: Request) -> FakeResponse | None:
        if not request.path.endswith(("/connectors", "/connections")):
            return None
        listed = [each for each in account.connectors if each["id"] != connector_id]
        return FakeResponse.success({"items": listed, "next_cursor": None})

    return answer


def test_dry_run_shows_what_the_tag_would_change_and_writes_nothing(
    engine: Engine, account: Account, api: FakeApi, clock: FakeClock, next_run: Sync
) -> None:
    clock.now = datetime.now(T0.tzinfo)  # of which a dry run cannot know another
    fresh = f"{clock.now - 2 * HOUR:%Y-%m-%dT%H:%M:%SZ}"
    account.connectors = [synced(succeeded_at=fresh)]
    next_run()
    before = due(engine)
    tag(engine, 60)
    row, changes = preview(engine, api_settings(api))
    assert row["changed"] == 1
    assert [(each.connector_id, each.health_before, each.health) for each in changes] == [
        ("one", "healthy", "stale")
    ]
    assert due(engine) == before
