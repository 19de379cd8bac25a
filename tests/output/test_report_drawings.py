"""What the report draws and leaves out, from rows made up for it."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from support.html_tables import tables_of

from inventory.health import SHOWN
from inventory.output import health_marks
from inventory.output.report import outages, sections
from inventory.output.report.content import Content
from inventory.output.report.page import render
from inventory.output.report.strips import Strips, cell_width, describe

NOW = datetime(2026, 10, 30, 12, tzinfo=UTC)
DAYS = [date(2026, 10, 1) + timedelta(number) for number in range(30)]


class Day(NamedTuple):
    day: date
    health: str | None
    observed: float


def days_of(*healths: str | None, observed: float = 1) -> list[Day]:
    return [
        Day(day, health, observed if health else 0)
        for day, health in zip(DAYS, healths, strict=False)
    ]


def connector(number: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "connector_id": f"connector_{number}",
        "account_id": "account",
        "schema_name": f"name_{number}",
        "service": "postgres",
        "service_name": "PostgreSQL",
        "group_id": "sales_group",
        "group_name": "Sales",
        "health": "healthy",
        "observed_health": "healthy",
        "severity": 0,
        "is_down": False,
        "reason": "last success 2026-10-30 02:00 UTC",
        "health_since": NOW,
        "down_since": None,
        "owner": None,
        "connected_by": "user",
        "creator": "Kim Engineer <kim@northwind.example>",
        **more,
    }


def incident(connector_id: str, begin: int, end: int | None, **more: Any) -> dict[str, Any]:
    """From the start of one day of October to the start of another."""
    return connector() | {
        "connector_id": connector_id,
        "started_at": datetime(2026, 10, begin, tzinfo=UTC),
        "ended_at": end and datetime(2026, 10, end, tzinfo=UTC),
        "path": "failing",
        **more,
    }


def content(**parts: Any) -> Content:
    lists = "runs problems connectors destinations incidents services changes findings"
    empty: dict[str, Any] = {name: [] for name in lists.split()}
    return Content(
        **{
            "now": NOW,
            "database": "sqlite:///inventory.db",
            "days": DAYS,
            "filters": {},
            "accounts": {"account": "Northwind"},
            "daily": {},
            "availability": {},
            "changes_since": NOW,
            **empty,
            **parts,
        }
    )


# --- strips ---------------------------------------------------------------------------------


def test_every_health_has_a_letter_of_its_own_and_the_tone_of_its_severity() -> None:
    marks = health_marks.MARKS
    assert marks.keys() == {rule.name for rule in SHOWN}
    assert len({mark.letter for mark in marks.values()}) == len(SHOWN)
    tones = {rule.severity: set() for rule in SHOWN}
    for rule in SHOWN:
        tones[rule.severity].add(marks[rule.name].tone)
    assert tones == {3: {"down"}, 2: {"act"}, 1: {"look", "idle"}, 0: {"well", "idle"}}
    assert health_marks.mark("of a later release") == ("?", "act")


def test_strip_has_a_band_per_streak_and_a_line_where_it_was_observed() -> None:
    healths = ["healthy", "healthy", "failing", None, "warning"]
    days = [*days_of(*healths[:4]), Day(DAYS[4], "warning", 0.25)]
    strips = Strips({"one": days}, DAYS)
    assert strips.width == 30 * cell_width(30) == 240
    assert strips.of("one") == (
        '<svg role="img" aria-label="Oct 1 healthy, Oct 3 failing, Oct 4 nothing observed, '
        'Oct 5 warning">'
        '<path class="well" d="M0 12h15v4h-15z"/>'
        '<path class="down" d="M16 0h7v16h-7z"/>'
        '<path class="look" d="M32 7h7v9h-7z"/>'
        '<text class="on-down" x="20" y="12">F</text><text class="on-look" x="36" y="15">W</text>'
        '<path class="seen" d="M0 18h24M32 18h2"/></svg>'
    )


def test_equal_strips_are_drawn_once() -> None:
    days = days_of(*["healthy"] * 30)
    strips = Strips({"one": days, "two": days, "three": days_of("broken")}, DAYS)
    label = '<svg role="img" aria-label="Oct 1 healthy"><use href="#s0"/></svg>'
    assert strips.of("one") == strips.of("two") == label
    assert "<use" not in strips.of("three")
    assert strips.of("unknown") == ""
    assert strips.shared().count('<g id="s0">') == strips.shared().count("<g") == 1


@pytest.mark.parametrize(
    ("share", "line"),
    [(0.0, ""), (0.001, "M0 18h1"), (0.5, "M0 18h4"), (0.99, "M0 18h7"), (1.0, "M0 18h8")],
)
def test_only_all_is_drawn_as_all_and_only_nothing_as_nothing(share: float, line: str) -> None:
    strips = Strips({"one": [Day(DAYS[0], "healthy", share)]}, DAYS)
    assert f'class="seen" d="{line}"' in strips.of("one")


def test_strip_of_nothing_is_described_as_empty() -> None:
    assert describe([]) == ""
    assert describe(days_of(None, None)) == "Oct 1 nothing observed"


def test_health_that_is_no_word_of_ours_stays_text() -> None:
    strips = Strips({"one": days_of('"><script>')}, DAYS)
    assert 'aria-label="Oct 1 &quot;&gt;&lt;script&gt;"' in strips.of("one")


# --- outages --------------------------------------------------------------------------------


def test_outages_are_placed_on_the_axis_and_counted_at_once() -> None:
    rows = [
        incident("long", 1, 16),
        incident("open", 16, None),
        incident("long", 20, 21),
        incident("earlier", 1, 2, started_at=datetime(2026, 9, 1, tzinfo=UTC)),
    ]
    here = content(incidents=rows, now=datetime(2026, 10, 31, tzinfo=UTC))
    [group] = outages.groups(here, outages.Axis(here))
    assert (group.outages, group.most, group.left_out) == (4, 2, 0)
    lines = [(line.row["connector_id"], line.minutes, line.is_down) for line in group.lines]
    assert lines == [
        ("long", 16 * 1440, False),
        ("open", 15 * 1440, True),
        ("earlier", 1440, False),
    ]
    assert [(bar.start, bar.width) for bar in group.lines[1].bars] == [(0.5, 0.5)]
    assert group.steps == ("M0 100H0V0H33.3V50H500V50H633.3V0H666.7V50H1000V100z")


def test_long_list_of_a_destination_is_cut_at_the_shortest_outages() -> None:
    rows = [incident(f"c{number}", 1, 1 + number) for number in range(1, 30)]
    here = content(incidents=rows)
    [group] = outages.groups(here, outages.Axis(here))
    assert (len(group.lines), group.left_out) == (outages.SHOWN, 29 - outages.SHOWN)
    assert group.lines[0].row["connector_id"] == "c29"
    assert "4 connectors with shorter outages are left out here" in render(here)


def test_lines_of_many_destinations_are_cut_as_well() -> None:
    rows = [
        incident(f"c{number}", 1, 2, group_id=f"group_{number % 30:02}") for number in range(900)
    ]
    here = content(incidents=rows)
    groups = outages.groups(here, outages.Axis(here))
    assert [len(group.lines) for group in groups] == [outages.SHOWN] * 12 + [0] * 18
    assert {group.outages for group in groups} == {30}
    assert "30 connectors are left out here" in render(here)


# --- lists ----------------------------------------------------------------------------------


def test_long_lists_say_what_they_leave_out() -> None:
    down = [connector(number, is_down=True, health="failing", severity=3) for number in range(300)]
    blocked = [connector(300 + number, health="blocked", severity=2) for number in range(260)]
    found = [
        connector(number) | {"finding": "paused", "since": NOW, "detail": "paused"}
        for number in range(101)
    ]
    page = render(content(connectors=[*down, *blocked], findings=found))
    assert "The first 250 of 300 are shown" in page
    assert "The first 250 of 260 are shown" in page
    assert "The first 100 of 101 are shown" in page
    assert page.count('<tr><th scope="row">name_') == 560  # the list of all is whole


def test_changes_are_told_by_run_and_connector_and_first_sights_are_not() -> None:
    change = connector() | {
        "kind": "changed", "changed_at": NOW, "changed_after": NOW - timedelta(hours=1),
        "table_name": "connectors", "field": "paused", "old_value": "false", "new_value": "true",
    }  # fmt: skip
    before = NOW - timedelta(hours=1)
    rows = [
        change | {"changed_at": before, "kind": "created", "field": None, "changed_after": None},
        change | {"changed_at": before, "connector_id": "later", "kind": "created", "field": None},
        change,
        change | {"field": "health", "old_value": "healthy", "new_value": "paused"},
        change | {"field": "config.host", "new_value": "x" * 500},
    ]
    shown = [
        (each.row["connector_id"], each.what)
        for each in sections.changes(content(changes=rows)).rows
    ]
    assert shown == [
        (
            "connector_0",
            ["health: healthy → paused", "paused: no → yes", f"config.host: no → {'x' * 141}…"],
        ),
        ("later", ["appeared"]),
    ]


def test_owner_is_short_unless_two_would_have_one_name() -> None:
    rows = [
        connector(0, creator="Kim Engineer <kim@one.example>"),
        connector(1, creator="Kim Engineer <kim@two.example>"),
        connector(2, creator="Sam Author <sam@one.example>"),
        connector(3, creator="<only@one.example>"),
        connector(4, creator=None, connected_by="user_five"),
        connector(5, creator=None, connected_by=None),
        connector(6, creator="Sam Author <sam@one.example>", owner="growth"),
    ]
    assert [*sections.owners(rows).values()] == [
        "Kim Engineer <kim@one.example>",
        "Kim Engineer <kim@two.example>",
        "Sam Author",
        "only@one.example",
        "user_five",
        "",
        "growth",
    ]


def test_data_that_cannot_be_trusted_is_said_so() -> None:
    run = {
        "account_id": "account", "observed_at": NOW, "age_minutes": 3000, "is_overdue": True,
        "is_in_future": False, "typical_interval_minutes": 15, "connectors_seen": 12,
        "withheld": 7, "unconfirmed": 1, "failed_attempts": 4, "last_attempt_error": "No <answer>.",
    }  # fmt: skip
    problem = {"problem_type": "withheld", "reason": "7 connectors are missing"}
    page = render(content(runs=[run, run | {"account_id": None}], problems=[problem]))
    assert "overdue" in page
    assert "<b>withheld</b>: 7 connectors are missing" in page
    assert "2 d 2 h ago" in page
    assert "No &lt;answer&gt;." in page


def test_unobserved_connectors_that_were_down_are_not_forgotten() -> None:
    lost = {"health": "unobserved", "severity": 2}
    rows = [connector(1, **lost, observed_health="broken"), connector(2, **lost), connector(3)]
    page = render(content(connectors=rows))
    tables = tables_of(page)
    assert "3 connectors, 0 down, 2 unobserved" in page
    assert "No connector is known to be down now." in page
    was_down = tables["Connectors that were down when last observed"]
    assert [cells[0] for cells in was_down] == ["name_1 connector_1"]
    assert "Connectors that need action" not in tables
    assert "No connector is down." in render(content(connectors=[connector()]))


# --- size -----------------------------------------------------------------------------------


def test_page_of_5000_connectors_and_30_days_is_under_3_mb() -> None:
    """Each has up to four troubles at random times, so that hardly two strips are equal."""
    chance = random.Random(1)
    names = [rule.name for rule in SHOWN if rule.name != "healthy"]
    connectors, daily = [], {}
    for number in range(5_000):
        row = connector(number, connector_id=f"{chance.getrandbits(64):016x}")
        row |= {
            "schema_name": f"warehouse_{number}.schema",
            "service_name": f"Service {number % 90}",
        }
        healths: list[str | None] = ["healthy"] * 30
        for _ in range(chance.randrange(5)):
            length = chance.randrange(1, 6)
            begin = chance.randrange(30 - length)
            healths[begin : begin + length] = [chance.choice(names)] * length
        connectors.append(row)
        daily[row["connector_id"]] = days_of(*healths)
    down = [row | {"is_down": True, "health": "failing", "severity": 3} for row in connectors[:600]]
    page = render(
        content(
            connectors=[*down, *connectors[600:]],
            daily=daily,
            availability={key: {"availability": 0.9876} for key in daily},
            incidents=[incident(key, 3, 9, group_id=key[:2], group_name=key[:2]) for key in daily],
        )
    )
    assert len(page.encode()) < 3_000_000
    assert page.count('<svg role="img"') == 5_000
    assert page.count("<use ") < 2_000


def test_empty_report_of_one_day_is_a_page() -> None:
    page = render(replace(content(), days=DAYS[:1]))
    assert "0 connectors, 0 down" in page
    assert page.endswith("</html>\n")


# --- what must not mislead ------------------------------------------------------------------


def test_each_letter_that_is_drawn_is_explained() -> None:
    """Also of a health that nobody has now."""
    counts = sections.health_counts(
        content(connectors=[connector()], daily={"connector_0": days_of("stale", "healthy")})
    )
    assert [(each.health, each.connectors) for each in counts] == [("stale", 0), ("healthy", 1)]


def test_day_that_nobody_observed_does_not_look_like_a_day_without_outages() -> None:
    daily = {"connector_0": days_of("failing", "healthy", None)}
    made = content(connectors=[connector()], daily=daily)
    columns = sections.down_by_day(made)
    assert [each.words for each in columns[:3]] == ["Oct 1 1", "Oct 2 0", "Oct 3 nothing observed"]
    assert "gray: nothing observed" in render(made)


def test_areas_of_all_destinations_have_one_scale() -> None:
    rows = [incident(f"c{number}", 5, 6, group_id="many") for number in range(4)]
    made = content(incidents=[*rows, incident("one", 5, 6, group_id="few")])
    many, few = outages.groups(made, outages.Axis(made))
    assert "V0H" in many.steps
    assert "V75H" in few.steps


def test_open_outage_is_drawn_until_the_last_run_and_says_when_it_was() -> None:
    runs = [{"account_id": "account", "observed_at": datetime(2026, 10, 10, tzinfo=UTC)}]
    made = content(incidents=[incident("one", 6, None)], runs=runs)
    [group] = outages.groups(made, outages.Axis(made))
    [bar] = group.lines[0].bars
    assert bar.words == "Oct 6 00:00 to now: failing"
    assert round(bar.width * 29.5, 3) == 4  # days; the axis ends on the 30th at noon


def test_outage_that_has_just_begun_can_be_seen() -> None:
    made = content(incidents=[incident("one", 30, None, started_at=NOW)])
    [group] = outages.groups(made, outages.Axis(made))
    assert group.lines[0].bars[0].start < 1


def test_restless_connector_is_told_by_its_last_days() -> None:
    healths = ["healthy", "failing"] * 15
    words = describe(days_of(*healths))
    assert words.startswith("24 earlier, Oct 25 healthy, Oct 26 failing")
    assert words.count(",") == 6
