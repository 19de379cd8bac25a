"""Messages: grouped, within their size, and without a meaning in names for any service."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from apprise import NotifyFormat
from apprise.conversion import convert_between
from apprise.plugins.slack import NotifySlack
from support.docs import README, blocks

from inventory.notify.events import Connector, DataProblem, Event, Kind, News, Outage
from inventory.notify.grouping import items
from inventory.notify.message import Message, compose

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _in_utc(zone: Callable[[str], None]) -> None:
    zone("UTC")


def event(key: str, kind: Kind = Kind.DOWN, **more: Any) -> Event:
    """News of a connector; what is not said of the connector is said of its outage."""
    of_connector = {name: more.pop(name) for name in {*more} & {*Connector._fields}}
    of_event = {name: more.pop(name) for name in {*more} & {"flips", "outages"}}
    connector = Connector(key, **({"name": key, "account_id": "acme"} | of_connector))
    ended = {"ended_at": NOW, "closed_by": "recovered"} if kind in (Kind.OVER, Kind.PAST) else {}
    outage = {"started_at": NOW - HOUR, "path": ("failing", "broken")} | ended | more
    return Event(kind, connector, Outage(key, **outage), **of_event)


def message(*events: Event, **more: Any) -> Message:
    return compose(News("oncall", events, **more), NOW)


def several(number: int, **more: Any) -> list[Event]:
    return [event(f"c{each:04}", **more) for each in range(number)]


PROD = {"group_id": "g", "group_name": "prod", "destination_service": "snowflake"}


# --- grouping -------------------------------------------------------------------------------


def test_outages_of_a_broken_destination_are_one_line() -> None:
    said = message(*several(200, path=("destination_broken",), owner="growth", **PROD))
    head = (
        "destination prod (snowflake) broken: 200 connectors down since 2026-11-20 11:00 UTC "
        "(1 h): c0000, c0001, c0002, c0003, c0004 and 195 more"
    )
    assert said.plain() == f"Down:\n- {head}\n  owner growth"
    assert said.title == f"Inventory: {head}"


def test_outages_of_one_service_are_one_line() -> None:
    said = message(*several(2, service="s3", service_name="Amazon S3"))
    assert "- service Amazon S3: 2 connectors broken since" in said.plain()


def places(events: Sequence[Event]) -> list[tuple[str | None, int]]:
    return [(item.place and item.place[2], len(item.events)) for item in items(events)]


def test_larger_place_wins_and_the_rest_is_divided_again() -> None:
    """Of the service s are a, b, c; of the group g are c, d, e, f; g takes c from it."""
    events = [event(key, service="s", group_id=f"own_{key}") for key in "ab"]
    events += [event("c", service="s", group_id="g")]
    events += [event(key, service=f"own_{key}", group_id="g") for key in "def"]
    events += [event("x", service="t", group_id="h")]
    assert places(events) == [("g", 4), ("s", 2), (None, 1)]


def test_sizes_are_those_of_what_is_left() -> None:
    """Of g are a to e and j, of s d to h, of t f, g, h and i; without d and e, t is larger."""
    events = [event(key, group_id="g", service="s" if key in "de" else key) for key in "abcdej"]
    events += [event(key, group_id="t", service="s") for key in "fgh"]
    events += [event("i", group_id="t", service="u")]
    assert places(events) == [("g", 6), ("t", 4)]


def test_service_wins_among_equals_unless_the_destination_is_the_cause() -> None:
    assert places(several(2, service="s", group_id="g")) == [("s", 2)]
    broken = {"path": ("destination_broken",)}
    assert places(several(2, service="s", group_id="g", **broken)) == [("g", 2)]


def test_broken_destination_is_a_line_of_its_own() -> None:
    events = [event(key, group_id="g", path=("destination_broken",)) for key in "ab"]
    events += [event(key, group_id="g") for key in "cde"]
    assert places(events) == [("g", 3), ("g", 2)]


def test_only_what_began_in_the_same_run_is_one_line() -> None:
    events = [event("a", **PROD), event("b", **PROD, started_at=NOW - 2 * HOUR)]
    assert places(events) == [(None, 1), (None, 1)]


@pytest.mark.parametrize("kind", [Kind.OVER, Kind.PAST])
def test_only_what_ended_alike_is_one_line(kind: Kind) -> None:
    alike = [event(key, kind, **PROD, started_at=NOW - n * HOUR) for n, key in enumerate("ab", 1)]
    assert places(alike) == [("g", 2)]
    assert places([alike[0], event("c", kind, **PROD, closed_by="paused")]) == [(None, 1)] * 2


def test_accounts_are_kept_apart() -> None:
    assert places([event("a", **PROD), event("b", **PROD, account_id="other")]) == [(None, 1)] * 2


# --- words ----------------------------------------------------------------------------------


def test_message_says_all_about_an_outage() -> None:
    said = message(
        event(
            *("calm_compass",),
            name="hubspot_sales",
            service="hubspot",
            service_name="HubSpot",
            group_name="Sales",
            owner="growth",
            tier="1",
            reason="setup broken since 2026-11-20 11:30 UTC: task reconnect",
            succeeded_at=NOW - 30 * HOUR,
            runbook_url="https://wiki.example.com/hubspot",
        )
    )
    facts = """\
- broken: hubspot_sales (calm_compass), HubSpot, group Sales, owner growth, tier 1
  down since 2026-11-20 11:00 UTC (1 h)
  setup broken since 2026-11-20 11:30 UTC: task reconnect; last success 2026-11-19 06:00 UTC
"""
    runbook = "https://wiki.example.com/hubspot"
    dashboard = "https://fivetran.com/dashboard/connections/calm_compass/status"
    assert said.plain() == f"Down:\n{facts}  runbook: {runbook}\n  dashboard: {dashboard}"
    links = f"  runbook: <{runbook}>\n  dashboard: <{dashboard}>"
    assert said.markdown() == f"**Down**\n\n{facts}{links}"
    assert said.severity == "failure"


@pytest.mark.parametrize(
    ("news", "severity", "words"),
    [
        (event("a", Kind.STILL_DOWN), "warning", "broken: a"),
        (event("a", Kind.OVER), "success", "up again after 1 h: a"),
        (event("a", Kind.OVER, closed_by="paused"), "success", "paused after 1 h: a"),
        (event("a", Kind.OVER, closed_by="removed"), "success", "removed after 1 h: a"),
        (event("a", Kind.OVER, path=(), ended_at=None), "success", "over: a"),
        (event("a", Kind.PAST), "info", "up again after 1 h: a"),
        (
            event("a", Kind.FLAPPING, flips=5),
            "warning",
            "flapping, 5 starts and ends of outages within 24 h: a",
        ),
        (
            event("a", Kind.STEADY, outages=3, ended_at=NOW, closed_by="recovered"),
            "success",
            "steady again after 3 outages, up since 2026-11-20 12:00 UTC: a",
        ),
        (
            event("a", Kind.STEADY, outages=3),
            "failure",
            "steady again after 3 outages, down since 2026-11-20 11:00 UTC: a",
        ),
    ],
)
def test_each_kind_has_its_words_and_severity(news: Event, severity: str, words: str) -> None:
    said = message(news)
    assert (said.title, said.severity) == (f"Inventory: {words}", severity)


def test_what_is_over_and_what_is_past_are_no_success_together() -> None:
    assert message(event("a", Kind.OVER), event("b", Kind.PAST)).severity == "info"


def test_problem_of_the_data_says_why_and_what_it_holds_back() -> None:
    problem = DataProblem("overdue_data", "acme", NOW, "the last complete run is 9 h old")
    said = message(Event(Kind.DATA_PROBLEM, problem=problem))
    assert said.plain() == (
        "The inventory itself:\n- overdue_data: the last complete run is 9 h old\n"
        "  Its outages are not announced until this is over."
    )
    assert said.severity == "failure"
    over = message(Event(Kind.DATA_PROBLEM_OVER, problem=problem))
    assert over.title == "Inventory: overdue_data of account acme is over"
    assert over.severity == "success"


def test_title_counts_what_is_more_than_one_line() -> None:
    said = message(*several(3), event("d", Kind.OVER), event("e", Kind.STILL_DOWN))
    assert said.title == "Inventory: 3 connectors down, 1 still down, 1 over"
    digest = message(*several(1), is_digest=True)
    assert (digest.title, digest.severity) == ("Inventory digest: 1 connector down", "info")
    nothing = message(is_digest=True)
    assert nothing.title == "Inventory digest: all is well"
    assert nothing.markdown() == "No outage, and the data is current."


# --- sizes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("letter", ["a", "\N{SNOWMAN}"])
def test_message_stays_below_4_kb(letter: str) -> None:
    name = {"name": letter * 300, "group_name": letter * 300, "reason": letter * 3000}
    events = [
        event(f"c{each}", **name, started_at=NOW - each * HOUR, group_id=f"{each // 2}")
        for each in range(500)
    ]
    said = message(*events)
    for body in (said.plain(), said.markdown()):
        assert 3000 < len(body.encode()) <= 3600
        assert len(said.title.encode()) <= 250
        last = body.splitlines()[-1]
        shown = body.count("\n- ")
        assert last == f"and {500 - shown} more"


def test_lines_are_shortened_before_they_are_left_out() -> None:
    said = message(*[event(f"c{n}", reason="r" * 200, started_at=NOW - n * HOUR) for n in range(9)])
    whole = said.plain().count("dashboard:")
    assert (whole, said.plain(1800).count("\n- ")) == (9, 9)
    assert 0 < said.plain(1800).count("dashboard:") < 9
    assert said.plain(100).splitlines()[-1].startswith("and ")


@pytest.mark.parametrize("largest", [1, 20, 160, 1024])
def test_message_fits_any_service(largest: int) -> None:
    assert len(message(*several(9)).plain(largest).encode()) <= max(largest, 3)


# --- hostile names --------------------------------------------------------------------------

HOSTILE = (
    "<!channel> @everyone <@U1> [x](https://evil.example) <b>b</b> `code` *b* ~s~ &lt;i&gt; "
    "<https://evil.example|x> javascript://x\nBcc: a@evil.example\r\n# h\n\x1b[31m"
)


def hostile() -> Message:
    facts = dict.fromkeys(("name", "group_name", "service_name", "owner", "tier"), HOSTILE)
    one = event(HOSTILE, reason=HOSTILE, group_id="g", service="s", **facts)
    problem = DataProblem("failing_runs", HOSTILE, NOW, HOSTILE)
    two = [each._replace(kind=Kind.STILL_DOWN) for each in (one, one)]
    return message(
        one,
        *two,
        Event(Kind.DATA_PROBLEM, problem=problem),
        Event(Kind.DATA_PROBLEM_OVER, problem=problem),
    )


def test_names_have_no_meaning_in_any_body_or_title() -> None:
    address = r"https://fivetran\.com/dashboard/connections/[\w.~%-]+/status"
    link = re.compile(rf"dashboard: <{address}>|{address}")
    for text in (hostile().plain(), hostile().markdown(), hostile().title):
        body = link.sub("", text)
        for markup in ("@", "<", ">", "`", "*b", "~", "\x1b", "\r", "](", "&lt;"):
            assert markup not in body
        assert "://" not in body
        assert "\nBcc" not in body
        assert "\n#" not in body
    assert "\n" not in hostile().title


def test_names_make_no_html_in_a_mail() -> None:
    html = convert_between(NotifyFormat.MARKDOWN, NotifyFormat.HTML, hostile().markdown())
    tags = {tag.split(">")[0].split(" ")[0].split("/")[-1] for tag in html.split("<")[1:]}
    assert tags == {"p", "strong", "ul", "li", "br", "a", ""} - {""}
    assert html.count("<a ") == html.count('<a href="https://fivetran.com/dashboard/') == 1


def test_names_make_no_mention_in_slack() -> None:
    slack = NotifySlack._commonmark_to_slack(hostile().markdown())
    assert slack.count("<") == slack.count("<https://fivetran.com/dashboard/") == 1


def test_ordinary_names_stay_as_they_are() -> None:
    name = "google_sheets.teal_pipeline-2 (EU), ünïcode & co: 100 %"
    assert name in message(event("a", name=name)).markdown()


# --- documentation --------------------------------------------------------------------------


def test_picture_in_the_readme_is_what_is_sent() -> None:
    """The first line of each item, which is all of it where there is much to tell."""
    began = datetime(2026, 11, 20, 4, tzinfo=UTC)
    names = ["ads", "app", "billing", "crm", "events", "forms", "games", "hr", "items"]
    down = [event(key, **PROD, started_at=began, path=("destination_broken",)) for key in names]
    facts = {"service": "HubSpot", "group_name": "Sales", "owner": "growth"}
    ended = {"started_at": began - timedelta(hours=3), "ended_at": began + timedelta(minutes=15)}
    over = event("calm_compass", Kind.OVER, name="hubspot_sales", **facts, **ended)
    sent = compose(News("oncall", (*down, over)), began + timedelta(minutes=15))
    [picture] = (block for block in blocks("text", README) if block.startswith("Down:"))
    lines = [line for line in sent.plain().splitlines() if line and not line.startswith("  ")]
    assert lines == picture.splitlines()


def test_what_is_cut_off_is_not_among_the_others() -> None:
    """As in a text message of 160 characters."""
    one, two = event("one" * 30), event("two" * 30, kind=Kind.STILL_DOWN)
    assert message(one).plain(90).endswith("…")
    assert message(one, two).plain(90).endswith("…\nand 1 more")
