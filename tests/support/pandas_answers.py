"""The ten questions of `inventory/export/questions.md`, as expressions of pandas."""

from collections.abc import Callable
from typing import Any

import pandas

Frames = Callable[[str], pandas.DataFrame]
Rows = list[tuple[Any, ...]]


def _rows(found: pandas.DataFrame, *columns: str) -> Rows:
    return [
        tuple(None if pandas.isna(cell) else cell for cell in row)
        for row in found[list(columns)].astype(object).itertuples(index=False)
    ]


def _at(words: str) -> pandas.Timestamp:
    return pandas.Timestamp(words, tz="UTC")


def _pairs(versions: pandas.DataFrame) -> pandas.DataFrame:
    """Each version beside the one that it follows, whose columns end in _old."""
    return versions.merge(
        versions,
        left_on=["connector_id", "valid_from"],
        right_on=["connector_id", "valid_to"],
        suffixes=("", "_old"),
    )


def down(frame: Frames) -> Rows:
    health = frame("connector_health")
    found = health[health["is_down"]].sort_values(["health_since", "connector_id"])
    return _rows(found, "service_name", "group_name", "owner", "reason")


def changed_health(frame: Frames) -> Rows:
    pairs = _pairs(frame("connector_status_history"))
    found = pairs[
        (pairs["health"] != pairs["health_old"]) & (pairs["valid_from"] > _at("2026-10-29 12:00"))
    ].sort_values(["valid_from", "connector_id"])
    return _rows(found, "valid_from", "connector_id", "health_old", "health")


def broken_destinations(frame: Frames) -> Rows:
    outages = frame("incidents")
    chosen = outages[
        outages["path"].str.startswith("destination_broken")
        & (outages["started_at"] > _at("2026-10-08"))
    ]
    found = chosen.groupby("group_name", as_index=False).agg(
        connectors=("path", "size"), since=("started_at", "min"), minutes=("minutes", "min")
    )
    return _rows(
        found.sort_values(["since", "group_name"]), "group_name", "connectors", "since", "minutes"
    )


def newest_runs(frame: Frames) -> Rows:
    runs = frame("inventory_runs").dropna(subset=["observed_at"])
    found = runs.sort_values("observed_at").drop_duplicates("account_id", keep="last")
    columns = ("account_id", "observed_at", "connectors_seen", "withheld")
    return _rows(found.sort_values("account_id"), *columns)


def unhealthy_at(frame: Frames) -> Rows:
    versions, at = frame("connector_status_history"), _at("2026-10-13 12:00")
    found = versions[
        (versions["valid_from"] <= at)
        & ((versions["valid_to"] > at) | versions["valid_to"].isna())
        & (versions["health"] != "healthy")
    ]
    return _rows(found.sort_values("connector_id"), "connector_id", "health", "health_since")


def outages_per_month(frame: Frames) -> Rows:
    outages = frame("incidents")
    outages["month"] = outages["started_at"].dt.strftime("%Y-%m")
    outages["recovered"] = outages["minutes"].where(outages["closed_by"] == "recovered")
    found = outages.groupby(["service", "month"], as_index=False).agg(
        outages=("minutes", "size"), minutes=("minutes", "sum"), mttr=("recovered", "mean")
    )
    found["mttr"] = found["mttr"].round(1)
    found = found.sort_values(["month", "minutes", "service"], ascending=[True, False, True])
    return _rows(found, "service", "month", "outages", "minutes", "mttr")


def changed_settings(frame: Frames) -> Rows:
    pairs = _pairs(frame("connector_history"))
    found = pairs[pairs["valid_from"] > _at("2026-10-08")].copy()
    found["state"] = ["paused" if paused else "active" for paused in found["paused"]]
    both = zip(found["config"].astype(object), found["config_old"].astype(object), strict=True)
    found["diff"] = ["changed" if new != old else "the same" for new, old in both]
    columns = ("sync_frequency_old", "sync_frequency", "state", "diff")
    found = found.sort_values(["valid_from", "connector_id"])
    return _rows(found, "valid_from", "connector_id", *columns)


def failed_syncs(frame: Frames) -> Rows:
    outcomes = frame("sync_outcomes")
    outcomes = outcomes[outcomes["finished_at"] > _at("2026-10-25")].copy()
    outcomes["day"] = outcomes["finished_at"].dt.strftime("%Y-%m-%d")
    outcomes["failed"] = outcomes["outcome"] == "failed"
    found = outcomes.groupby("day", as_index=False).agg(
        failed=("failed", "sum"), syncs=("failed", "size")
    )
    return _rows(found.sort_values("day"), "day", "failed", "syncs")


def availability(frame: Frames) -> Rows:
    days = frame("availability_daily")
    days["month"] = [day.strftime("%Y-%m") for day in days["day"].astype(object)]
    sums = ["down_minutes", "up_minutes", "observed_minutes"]
    found = days.groupby(["service", "month"], as_index=False)[sums].sum()
    found = found[found["down_minutes"] > 0].copy()
    found["percent"] = (100 * found["up_minutes"] / found["observed_minutes"]).round(2)
    found = found.sort_values(["percent", "service", "month"])
    return _rows(found, "service", "month", "down_minutes", "percent")


def removed(frame: Frames) -> Rows:
    versions = frame("connector_history")
    follow = set(zip(versions["connector_id"], versions["valid_from"], strict=True))
    ended = versions[versions["valid_to"].notna()].sort_values(["valid_to", "connector_id"])
    rows = _rows(ended, "valid_to", "connector_id", "service", "schema_name")
    return [row for row in rows if (row[1], row[0]) not in follow]


ANSWERS: dict[int, Callable[[Frames], Rows]] = dict(
    enumerate(
        (
            down,
            changed_health,
            broken_destinations,
            newest_runs,
            unhealthy_at,
            outages_per_month,
            changed_settings,
            failed_syncs,
            availability,
            removed,
        ),
        start=1,
    )
)
