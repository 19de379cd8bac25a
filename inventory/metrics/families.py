"""Which metrics there are, and what their samples are. Pure: it turns rows into metrics.

Names, units and labels are a promise: alerts and dashboards of others refer to them. A counter only
grows, whatever is pruned. What people of the API wrote is cut and escaped, so that no name makes a
label that a server rejects.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from inventory.health import DOWN, REMOVED, UNOBSERVED
from inventory.queries import Row, Rows
from inventory.text import escape_control_chars

MAX_DOWN = 500  # samples of inventory_connector_down
_MAX_LABEL = 256  # characters; ids are shorter
# As long as no interval is known, data is old after a day: `latest_run` judges it likewise.
_UNKNOWN_INTERVAL = timedelta(hours=8)
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def families(accounts: Rows, connectors: Rows, channels: Rows) -> Iterator[Metric]:
    """Yield every metric.

    `accounts` are rows of `account_figures`, `channels` of `list_channels`, and `connectors` those
    of `queries.status`, the worst first.
    """
    yield from _about_runs(accounts)
    yield from _about_totals(accounts)
    yield from _about_connectors(accounts, connectors)
    yield _gauge(
        "inventory_channel_failing",
        "Whether the last message to a channel of inventory notify could not be delivered.",
        ("channel",),
        {(row["channel"],): row["failing_since"] is not None for row in channels},
    )


# --- accounts -------------------------------------------------------------------------------


def _about_runs(accounts: Rows) -> Iterator[Metric]:
    yield _gauge(
        "inventory_last_complete_run_timestamp_seconds",
        "When the last complete run read the account, in seconds since 1970; 0 = none has.",
        ("account_id",),
        {(row["account_id"],): (row["seen_at"] or _NEVER).timestamp() for row in accounts},
    )
    yield _gauge(
        "inventory_run_interval_seconds",
        "Usual time between two complete runs; 8 hours as long as it is unknown.",
        ("account_id",),
        {(row["account_id"],): _interval(row).total_seconds() for row in accounts},
    )
    yield _gauge(
        "inventory_run_duration_seconds",
        "How long the last complete run took.",
        ("account_id",),
        {
            (row["account_id"],): (row["finished_at"] - row["started_at"]).total_seconds()
            for row in accounts
            if row["finished_at"] is not None
        },
    )
    yield _gauge(
        "inventory_rate_limit_remaining",
        "Requests that the account's quota of the hour had left after the last run that knew it.",
        ("account_id",),
        {
            (row["account_id"],): row["rate_limit_remaining"]
            for row in accounts
            if row["rate_limit_remaining"] is not None
        },
    )


def _interval(row: Row) -> timedelta:
    minutes = row["typical_interval_minutes"]
    return _UNKNOWN_INTERVAL if minutes is None else timedelta(minutes=minutes)


def _about_totals(accounts: Rows) -> Iterator[Metric]:
    for name, column, text in (
        ("inventory_api_requests", "requests", "Requests that runs have sent, retries included."),
        ("inventory_outages_opened", "outages_opened", "Outages that runs have seen begin."),
        ("inventory_outages_closed", "outages_closed", "Outages that runs have seen end."),
    ):
        counter = CounterMetricFamily(name, text, labels=("account_id",))
        for row in accounts:
            counter.add_metric([_label(row["account_id"])], row[column] or 0)
        yield counter


# --- connectors -----------------------------------------------------------------------------


def _about_connectors(accounts: Rows, connectors: Rows) -> Iterator[Metric]:
    existing = [row for row in connectors if row["health"] not in REMOVED]
    down = [row for row in existing if _was_down(row)]
    open_outages = Counter(row["account_id"] for row in down)
    yield _gauge(
        "inventory_connectors",
        "Connectors that exist, by their health now.",
        ("account_id", "service", "group", "health"),
        Counter(
            (row["account_id"], row["service"], _group(row), row["health"]) for row in existing
        ),
    )
    yield _gauge(
        "inventory_open_outages",
        "Connectors that were down in the last complete run.",
        ("account_id",),
        {(row["account_id"],): open_outages[row["account_id"]] for row in accounts},
    )
    yield _gauge(
        "inventory_connector_down",
        f"1 for each connector that was down in the last complete run: the {MAX_DOWN} worst.",
        ("account_id", "connector_id", "schema_name", "service", "group", "owner"),
        {
            (
                *(row["account_id"], row["connector_id"], row["schema_name"], row["service"]),
                *(_group(row), row["owner"]),
            ): 1
            for row in down[:MAX_DOWN]
        },
    )
    yield _gauge(
        "inventory_connector_down_omitted",
        f"Connectors that are down without a sample, as there are more than {MAX_DOWN}.",
        (),
        {(): max(0, len(down) - MAX_DOWN)},
    )


def _was_down(row: Row) -> bool:
    """Whether the last run saw it down. Old data must not look as if the outage were over."""
    is_unknown = row["health"] == UNOBSERVED.name
    return bool(row["is_down"] or (is_unknown and row["observed_health"] in DOWN))


def _group(row: Row) -> str | None:
    name: str | None = row["group_name"] or row["group_id"]
    return name


# --- samples --------------------------------------------------------------------------------


def _gauge(
    name: str,
    text: str,
    labels: tuple[str, ...],
    samples: Mapping[tuple[str | None, ...], float],
) -> Metric:
    """Return a gauge. Samples whose labels are equal once they are cut count together."""
    values: defaultdict[tuple[str, ...], float] = defaultdict(float)
    for words, value in samples.items():
        values[tuple(map(_label, words))] += value
    gauge = GaugeMetricFamily(name, text, labels=labels)
    for words, value in sorted(values.items()):  # so that two files of one state are equal
        gauge.add_metric(words, value)
    return gauge


def _label(text: str | None) -> str:
    printable = escape_control_chars(text or "")
    return printable if len(printable) <= _MAX_LABEL else f"{printable[: _MAX_LABEL - 1]}…"
