"""Each rule of what a channel is told, one by one: by facts made by hand, without a database."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from inventory.notify.config import Channel, NotifyConfig
from inventory.notify.decide import news_for
from inventory.notify.events import Connector, DataProblem, Kind, News, Outage, Told
from inventory.notify.inputs import ChannelState, Facts

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LONG_AGO = NOW - 100 * DAY
STALE_DATA = DataProblem("overdue_data", "acme", NOW - DAY, "the last complete run is 1 d old")


def connector(key: str = "one", **more: Any) -> Connector:
    about = {"name": f"{key}_name", "account_id": "acme", "account_name": "Acme Inc."}
    place = {"group_id": "g1", "group_name": "Prod", "service": "s3", "service_name": "Amazon S3"}
    return Connector(key, **(about | place | more))


def outage(began: timedelta, ended: timedelta | None = None, key: str = "one", **more: Any) -> Any:
    """An outage by how long ago it began and ended."""
    closed_by = "recovered" if ended is not None else None
    about = {"path": ("failing", "broken"), "closed_by": closed_by} | more
    ended_at = None if ended is None else NOW - ended
    return Outage(key, NOW - began, ended_at=ended_at, **about)


class World:
    """A channel, what it has been told, and what there is to tell. Time and runs pass."""

    def __init__(self, *outages: Outage, **channel: Any) -> None:
        self.channel = Channel(name="oncall", url_env="URL", **channel)
        self.config = NotifyConfig(channels=(self.channel,))
        self.state: ChannelState | None = ChannelState(
            first_used_at=LONG_AGO, told_until=NOW - 15 * MINUTE
        )
        self.connectors = {each.connector_id: connector(each.connector_id) for each in outages}
        self.outages, self.problems = [*outages], list[DataProblem]()
        self.muted_accounts = frozenset[str]()
        self.now = NOW
        self.seen_until: datetime | None = None

    def be(self, key: str = "one", **facts: Any) -> "World":
        self.connectors[key] = connector(key, **facts)
        return self

    def decide(self) -> News:
        facts = Facts(
            now=self.now,
            observed_until=self.seen_until or self.now,
            connectors=self.connectors,
            outages={each.key: each for each in self.outages},
            problems=self.problems,
            muted_accounts=self.muted_accounts,
        )
        return news_for(self.channel, self.config, facts, self.state)

    def tell(self) -> list[tuple[Kind, str | None]]:
        """Decide and deliver; return the kinds of news and whom they are about."""
        news = self.decide()
        before = self.state or ChannelState(first_used_at=self.now)
        told = {
            (row.kind, row.connector_id, row.account_id, row.started_at): row
            for row in (*before.told, *news.told)
        }
        self.state = replace(
            before,
            told_until=news.told_until or before.told_until,
            delivered_at=self.now if news.is_message else before.delivered_at,
            told=tuple(told.values()),
        )
        return [(each.kind, each.connector and each.connector.connector_id) for each in news.events]

    def pass_time(self, length: timedelta) -> "World":
        self.now += length
        return self

    def end(self, closed_by: str = "recovered") -> "World":
        """End the last outage now."""
        self.outages[-1] = self.outages[-1]._replace(ended_at=self.now, closed_by=closed_by)
        return self

    def begin(self) -> "World":
        self.outages.append(Outage("one", self.now, ("failing",)))
        return self


# --- once -----------------------------------------------------------------------------------


def test_outage_is_announced_once_it_has_lasted_long_enough() -> None:
    world = World(outage(9 * MINUTE))
    assert world.tell() == []
    assert world.pass_time(MINUTE).tell() == [(Kind.DOWN, "one")]
    assert world.pass_time(MINUTE).tell() == []


def test_outage_that_is_over_is_told_once_to_whom_it_was_announced() -> None:
    world = World(outage(HOUR))
    world.tell()
    assert world.pass_time(HOUR).end().tell() == [(Kind.OVER, "one")]
    assert world.pass_time(HOUR).tell() == []
    assert [row.over_at for row in world.state.told] == [NOW + HOUR]


def test_open_outage_is_announced_again_once_per_remind() -> None:
    world = World(outage(HOUR))
    world.tell()
    assert world.pass_time(DAY - MINUTE).tell() == []
    assert world.pass_time(MINUTE).tell() == [(Kind.STILL_DOWN, "one")]
    assert world.pass_time(DAY - MINUTE).tell() == []
    assert world.pass_time(MINUTE).tell() == [(Kind.STILL_DOWN, "one")]


def test_reminder_does_not_wait_for_what_a_clock_that_was_ahead_said() -> None:
    world = World(outage(HOUR))
    world.tell()
    world.pass_time(100 * DAY).tell()
    assert world.pass_time(-99 * DAY).tell() == [(Kind.STILL_DOWN, "one")]
    assert world.pass_time(-4 * timedelta(seconds=1)).tell() == []  # a clock that is adjusted


def test_second_outage_is_another_one() -> None:
    world = World(outage(HOUR))
    world.tell()
    world.pass_time(HOUR).end().tell()
    world.pass_time(HOUR).begin()
    assert world.pass_time(HOUR).tell() == [(Kind.DOWN, "one")]


def test_first_use_tells_of_open_outages_only() -> None:
    world = World(outage(3 * HOUR, 2 * HOUR), outage(HOUR))
    world.state = None
    assert world.tell() == [(Kind.DOWN, "one")]
    assert world.state.first_used_at == NOW


def test_outage_whose_history_is_gone_is_over() -> None:
    world = World(outage(HOUR))
    world.tell()
    world.outages.clear()
    assert world.tell() == [(Kind.OVER, "one")]
    assert world.tell() == []


# --- what happened meanwhile ----------------------------------------------------------------


def test_outage_that_began_and_ended_since_the_last_time_is_told_as_past() -> None:
    world = World(outage(14 * MINUTE, 2 * MINUTE))
    assert world.tell() == [(Kind.PAST, "one")]
    [row] = world.state.told
    assert (row.announced_at, row.over_at) == (NOW, NOW)
    world.state = ChannelState(first_used_at=LONG_AGO, told_until=LONG_AGO, told=world.state.told)
    assert world.tell() == []  # even if the mark could not be moved


@pytest.mark.parametrize(
    ("began", "ended"),
    [
        (10 * MINUTE, MINUTE),  # shorter than `after`
        (DAY, 15 * MINUTE),  # before the last time
    ],
)
def test_outage_that_was_short_or_is_known_to_be_over_is_not(
    began: timedelta, ended: timedelta
) -> None:
    assert World(outage(began, ended)).tell() == []


def test_outage_that_was_too_young_the_last_time_is_told_as_past() -> None:
    world = World(outage(MINUTE))
    assert world.tell() == []
    assert world.pass_time(14 * MINUTE).end().tell() == [(Kind.PAST, "one")]


def test_past_matches_by_any_health_that_it_went_through() -> None:
    ended = outage(14 * MINUTE, 2 * MINUTE)
    assert World(ended, match={"health": {"failing"}}).tell() == [(Kind.PAST, "one")]
    assert World(ended, match={"health": {"stale"}}).tell() == []


# --- who ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("match", "is_told"),
    [
        ({}, True),
        ({"account": {"acme inc."}}, True),
        ({"group": {"g1"}}, True),
        ({"group": {"prod", "other"}}, True),
        ({"service": {"amazon s3"}}, True),
        ({"connector": {"one_name"}}, True),
        ({"owner": {"growth"}, "tier": {"1"}}, True),
        ({"owner": {"growth"}, "tier": {"2"}}, False),
        ({"health": {"broken"}}, True),
        ({"health": {"failing"}}, False),  # it was failing before
        ({"service": {"s"}}, False),
    ],
)
def test_channel_is_told_of_what_matches_every_key(match: Any, is_told: bool) -> None:
    world = World(outage(HOUR), match=match).be(owner="Growth", tier="1")
    assert bool(world.tell()) == is_told


def test_channel_without_a_match_is_not_reminded_but_told_the_end() -> None:
    world = World(outage(HOUR), match={"owner": {"growth"}}).be(owner="growth")
    world.tell()
    world.be(owner="core")
    assert world.pass_time(2 * DAY).tell() == []
    assert world.end().tell() == [(Kind.OVER, "one")]


# --- quiet ----------------------------------------------------------------------------------


def test_muted_connector_is_not_told_of_until_the_mute_ends() -> None:
    world = World(outage(HOUR)).be(muted_until=NOW + HOUR)
    assert world.tell() == []
    assert world.pass_time(HOUR).tell() == [(Kind.DOWN, "one")]


def test_end_that_is_due_is_told_after_the_mute() -> None:
    world = World(outage(HOUR))
    world.tell()
    world.be(muted_until=NOW + 2 * HOUR)
    assert world.pass_time(HOUR).end().tell() == []
    assert world.pass_time(HOUR).tell() == [(Kind.OVER, "one")]


@pytest.mark.parametrize("told_meanwhile", [True, False])
def test_outage_that_began_and_ended_while_muted_is_never_told(told_meanwhile: bool) -> None:
    world = World(outage(MINUTE)).be(muted_until=NOW + 2 * HOUR)
    world.pass_time(HOUR).end()
    if told_meanwhile:
        world.tell()
    assert world.pass_time(3 * HOUR).tell() == []


@pytest.mark.parametrize("closed_by", ["paused", "removed"])
def test_paused_or_removed_ends_an_outage(closed_by: str) -> None:
    world = World(outage(HOUR))
    world.tell()
    assert world.end(closed_by).tell() == [(Kind.OVER, "one")]


def flap(world: World, number: int) -> World:
    """Let it be down for a minute this many times, half an hour apart."""
    for _ in range(number):
        world.pass_time(29 * MINUTE).begin().pass_time(MINUTE).end()
    return world


def unsettled() -> World:
    """It was announced to be down an hour ago, and has gone up, down and up again since."""
    world = World(outage(2 * HOUR)).pass_time(-HOUR)
    assert world.tell() == [(Kind.DOWN, "one")]
    return flap(world.pass_time(MINUTE).end(), 1)


def test_four_flips_within_a_day_are_not_flapping() -> None:
    world = unsettled()
    assert world.tell() == [(Kind.OVER, "one")]  # of the outage that was announced
    assert flap(World(outage(0 * DAY)).end(), 1).tell() == []


def test_fifth_flip_within_a_day_is_flapping_once_and_ends_what_was_announced() -> None:
    world = unsettled().pass_time(MINUTE).begin()
    assert world.tell() == [(Kind.FLAPPING, "one")]
    assert [row.kind for row in world.state.told if row.is_open] == ["flapping"]
    assert flap(world.end(), 5).tell() == []


def test_what_ended_more_than_a_day_before_it_flaps_is_told_as_well() -> None:
    """As after days in which all of it was held back."""
    world = World(outage(HOUR))
    assert world.tell() == [(Kind.DOWN, "one")]
    world.pass_time(HOUR).end().pass_time(HOUR).begin().pass_time(HOUR).end()
    flap(world.pass_time(2 * DAY), 3)
    told = [(Kind.OVER, "one"), (Kind.PAST, "one"), (Kind.FLAPPING, "one")]
    assert world.tell() == told
    assert [row.kind for row in world.state.told if row.is_open] == ["flapping"]


def test_flips_of_more_than_a_day_ago_do_not_count() -> None:
    world = unsettled()
    world.tell()
    world.pass_time(DAY - 90 * MINUTE).begin()
    assert world.pass_time(HOUR).tell() == [(Kind.DOWN, "one")]


def flapping() -> World:
    world = unsettled().pass_time(MINUTE).begin()
    assert world.tell() == [(Kind.FLAPPING, "one")]
    return world


def test_flapping_connector_is_quiet_until_it_has_been_still_for_six_hours() -> None:
    world = flapping()
    assert world.pass_time(5 * HOUR).end().tell() == []
    assert world.pass_time(6 * HOUR - MINUTE).tell() == []
    assert world.pass_time(MINUTE).tell() == [(Kind.STEADY, "one")]
    assert world.pass_time(MINUTE).tell() == []
    assert [row for row in world.state.told if row.is_open] == []


def test_down_at_the_end_of_flapping_is_announced_by_that() -> None:
    world = flapping()
    assert world.pass_time(6 * HOUR).tell() == [(Kind.STEADY, "one")]
    assert [row.kind for row in world.state.told if row.is_open] == ["outage"]
    assert world.pass_time(DAY - MINUTE).tell() == []
    assert world.pass_time(MINUTE).tell() == [(Kind.STILL_DOWN, "one")]
    assert world.end().tell() == [(Kind.OVER, "one")]


def test_outage_that_was_announced_before_it_flapped_is_announced_again() -> None:
    """It is the same outage that is open at the end, so its row is opened again."""
    world = World(outage(23 * HOUR, 22 * HOUR), outage(21 * HOUR, 20 * HOUR), outage(7 * HOUR))
    world.pass_time(-6 * HOUR - 30 * MINUTE)
    world.state = ChannelState(first_used_at=LONG_AGO, told_until=world.now)
    world.outages.pop(0)
    assert world.tell() == [(Kind.DOWN, "one")]
    world.outages.insert(0, outage(23 * HOUR, 22 * HOUR))
    assert world.tell() == [(Kind.FLAPPING, "one")]
    assert world.pass_time(6 * HOUR).tell() == [(Kind.STEADY, "one")]
    [row] = [row for row in world.state.told if row.is_open]
    assert (row.kind, row.reminded_at) == ("outage", world.now)


def test_flips_before_the_end_of_flapping_do_not_count_again() -> None:
    world = flapping()
    world.end().pass_time(6 * HOUR).tell()
    world.begin()  # of six flips within a day
    assert world.pass_time(HOUR).tell() == [(Kind.DOWN, "one")]


def test_outages_of_the_flapping_are_not_told_as_past() -> None:
    world = flap(flapping().end(), 2).pass_time(6 * HOUR)
    world.config = replace(world.config, after=MINUTE)
    assert world.tell() == [(Kind.STEADY, "one")]
    assert world.state is not None
    world.state = replace(world.state, told_until=LONG_AGO)  # as while another account is held
    assert world.tell() == []


def test_flapping_is_told_to_whom_it_matches() -> None:
    world = flap(World(match={"health": {"stale"}}).be().begin().end(), 2)
    assert world.tell() == []


def test_end_of_flapping_says_how_many_outages_there_were() -> None:
    world = flap(flapping().end(), 3).pass_time(6 * HOUR)
    world.outages.insert(0, outage(3 * DAY, 2 * DAY))  # before
    [event] = world.decide().events
    assert (event.kind, event.outages) == (Kind.STEADY, 6)


# --- the data itself ------------------------------------------------------------------------


def problem(world: World, **changes: Any) -> World:
    world.problems = [STALE_DATA._replace(**changes)]
    return world


def test_problem_of_the_data_is_told_to_every_channel_once_and_then_per_remind() -> None:
    world = problem(World(match={"owner": {"nobody"}}))
    assert world.tell() == [(Kind.DATA_PROBLEM, None)]
    assert problem(world, since=NOW).pass_time(DAY - MINUTE).tell() == []
    assert world.pass_time(MINUTE).tell() == [(Kind.DATA_PROBLEM_AGAIN, None)]
    world.problems = []
    assert world.tell() == [(Kind.DATA_PROBLEM_OVER, None)]
    assert world.tell() == []


def test_error_that_does_not_pass_by_itself_is_told_at_once() -> None:
    world = problem(World(), kind="failing_runs")
    assert world.tell() == [(Kind.DATA_PROBLEM, None)]
    assert problem(world, kind="failing_runs", cause="the key is wrong").tell() == [
        (Kind.DATA_PROBLEM, None)
    ]
    assert world.tell() == []
    assert problem(world, kind="failing_runs").tell() == []


def test_problem_of_a_muted_account_is_not_told_nor_its_end_until_the_mute_ends() -> None:
    for digest in (None, time(8)):
        world = problem(World(digest=digest))
        world.muted_accounts = frozenset({STALE_DATA.account_id})
        assert world.pass_time(2 * DAY).tell() == []
        world.muted_accounts = frozenset()
        assert world.pass_time(DAY).tell() == [(Kind.DATA_PROBLEM, None)]
    world = problem(World())
    world.tell()
    world.muted_accounts, world.problems = frozenset({STALE_DATA.account_id}), []
    assert world.tell() == []
    world.muted_accounts = frozenset()
    assert world.tell() == [(Kind.DATA_PROBLEM_OVER, None)]


def test_problem_of_another_kind_is_another_one() -> None:
    world = problem(World())
    world.tell()
    problem(world, kind="failing_runs")
    assert world.tell() == [(Kind.DATA_PROBLEM, None), (Kind.DATA_PROBLEM_OVER, None)]


HELD: dict[str, Callable[[World], object]] = {
    "down": lambda world: None,
    "reminder": lambda world: (world.tell(), world.pass_time(2 * DAY)),
    "over": lambda world: (world.tell(), world.pass_time(HOUR).end()),
    "past": lambda world: world.pass_time(5 * MINUTE).end(),
    "flapping": lambda world: flap(world.end(), 3),
    "steady": lambda world: (flap(world.end(), 3).tell(), world.pass_time(6 * HOUR)),
}


@pytest.mark.parametrize("kind", HELD)
def test_nothing_is_told_of_outages_while_the_data_is_old(kind: str) -> None:
    world = World(outage(12 * MINUTE))
    HELD[kind](world)
    assert problem(world).tell() == [(Kind.DATA_PROBLEM, None)]
    world.problems = []
    told = dict(zip(HELD, (Kind.DOWN, Kind.STILL_DOWN, Kind.OVER, Kind.PAST), strict=False))
    told |= {"flapping": Kind.FLAPPING, "steady": Kind.STEADY}
    assert world.tell() == [(Kind.DATA_PROBLEM_OVER, None), (told[kind], "one")]


def test_account_that_is_dead_for_good_leaves_the_past_of_others_told() -> None:
    """Or all their outages since then would be told once they match."""
    world = World(outage(HOUR), match={"owner": {"growth"}})
    problem(world, account_id="dead").tell()
    world.pass_time(HOUR).end().tell()
    world.pass_time(DAY - 2 * HOUR).be(owner="growth")
    assert world.tell() == []


def test_another_account_is_not_held() -> None:
    world = problem(World(outage(HOUR), outage(HOUR, key="two"))).be("two", account_id="other")
    assert world.tell() == [(Kind.DATA_PROBLEM, None), (Kind.DOWN, "two")]


def test_problem_without_an_account_holds_none() -> None:
    world = problem(World(outage(HOUR)), account_id=None, kind="failing_runs")
    assert world.tell() == [(Kind.DATA_PROBLEM, None), (Kind.DOWN, "one")]
    assert world.state is not None
    assert world.state.told_until == NOW


# --- the digest -----------------------------------------------------------------------------


@pytest.fixture
def in_utc(zone: Callable[[str], None]) -> None:
    zone("UTC")


def digest(*outages: Outage, at: str = "12:00", delivered: datetime = NOW - DAY) -> World:
    world = World(*outages, digest=time.fromisoformat(at))
    world.state = ChannelState(first_used_at=LONG_AGO, told_until=delivered, delivered_at=delivered)
    return world


@pytest.mark.usefixtures("in_utc")
def test_digest_is_one_message_a_day_also_if_all_is_well() -> None:
    world = digest().pass_time(-MINUTE)
    assert not world.decide().is_message
    assert world.pass_time(MINUTE).decide().is_message
    world.tell()
    assert not world.pass_time(DAY - MINUTE).decide().is_message
    assert world.pass_time(MINUTE).decide().is_message


@pytest.mark.usefixtures("in_utc")
def test_digest_that_was_missed_is_sent_later() -> None:
    world = digest(at="20:00", delivered=NOW - 2 * DAY)
    assert world.decide().is_message
    world.tell()
    assert not world.pass_time(7 * HOUR).decide().is_message
    assert world.pass_time(HOUR).decide().is_message


def test_digest_comes_at_its_time_in_the_zone_of_the_user(zone: Callable[[str], None]) -> None:
    zone("Asia/Kathmandu")  # 5:45 ahead
    for at, length in (("17:46", MINUTE), ("00:45", 7 * HOUR)):
        world = digest(at=at, delivered=NOW - HOUR).pass_time(length - MINUTE)
        assert not world.decide().is_message
        assert world.pass_time(MINUTE).decide().is_message


@pytest.mark.usefixtures("in_utc")
def test_digest_comes_again_once_a_clock_that_was_ahead_is_right() -> None:
    world = digest(delivered=NOW + 100 * DAY)
    world.tell()
    assert world.state is not None
    assert world.state.delivered_at == NOW
    assert not world.pass_time(DAY - MINUTE).decide().is_message


@pytest.mark.usefixtures("in_utc")
def test_first_digest_comes_when_its_time_has_come() -> None:
    world = digest()
    world.state = None
    assert not world.decide().is_message
    world.tell()
    assert world.pass_time(DAY).decide().is_message


@pytest.mark.usefixtures("in_utc")
def test_digest_lists_what_is_open_and_what_is_over_since_the_last_one() -> None:
    world = digest(
        outage(3 * DAY),
        outage(5 * HOUR, 2 * HOUR, key="over"),
        outage(3 * DAY, 2 * DAY, key="over_before"),
        outage(MINUTE, key="young"),
        outage(HOUR, key="muted"),
        outage(5 * HOUR, 3 * HOUR, key="muted_before"),
        outage(HOUR, key="elsewhere"),
    )
    world.be("muted", muted_until=NOW + HOUR).be("muted_before", muted_until=NOW - HOUR)
    world.be("elsewhere", account_id="old")
    problem(world, account_id="old")
    assert sorted(world.tell(), key=str) == [
        (Kind.DATA_PROBLEM, None),
        (Kind.DOWN, "one"),
        (Kind.OVER, "over"),
    ]
    assert world.state is not None
    assert [row.kind for row in world.state.told] == [STALE_DATA.kind]


@pytest.mark.usefixtures("in_utc")
def test_digest_tells_later_what_it_held_back() -> None:
    """What ended after the last digest, and before the one that had to hold it back."""
    world = digest(outage(20 * HOUR, 10 * HOUR), outage(3 * DAY, 2 * DAY, key="before"))
    assert problem(world, since=NOW - 9 * HOUR).tell() == [(Kind.DATA_PROBLEM, None)]
    assert world.pass_time(DAY).tell() == [(Kind.DATA_PROBLEM, None)]
    world.problems = []
    assert world.pass_time(DAY).tell() == [(Kind.OVER, "one")]
    assert world.pass_time(DAY).tell() == []


@pytest.mark.usefixtures("in_utc")
def test_digest_tells_what_a_run_saw_that_merged_after_the_last_one() -> None:
    world = digest(outage(20 * HOUR))
    world.seen_until = NOW - MINUTE
    assert world.tell() == [(Kind.DOWN, "one")]
    world.outages[0] = outage(20 * HOUR, timedelta(seconds=10))
    assert world.pass_time(DAY).tell() == [(Kind.OVER, "one")]


@pytest.mark.usefixtures("in_utc")
def test_digest_lists_what_flaps() -> None:
    world = flap(digest(outage(HOUR)).end(), 2)
    assert world.tell() == [(Kind.FLAPPING, "one")]


def test_rows_of_notifications_say_what_they_are_about() -> None:
    assert World(outage(HOUR)).decide().told == (
        Told(
            kind="outage",
            connector_id="one",
            account_id="acme",
            started_at=NOW - HOUR,
            announced_at=NOW,
        ),
    )
    assert problem(World()).decide().told == (
        Told(kind="overdue_data", account_id="acme", started_at=STALE_DATA.since, announced_at=NOW),
    )
