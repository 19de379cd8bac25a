"""Writes metrics as text, in the two formats that servers read.

They cannot be one: in OpenMetrics a counter is declared without the `_total` of its samples, which
in Prometheus' own format is a sample without a declaration.
"""

from collections.abc import Callable, Iterable, Sequence

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import generate_latest as as_prometheus
from prometheus_client.openmetrics.exposition import generate_latest as as_openmetrics
from prometheus_client.registry import Collector
from sqlalchemy import Engine

from inventory.db import revision, session
from inventory.metrics.families import families
from inventory.queries import status
from inventory.queries.accounts import account_figures
from inventory.queries.channels import list_channels

_WRITERS: dict[str, Callable[[CollectorRegistry], bytes]] = {
    "prometheus": as_prometheus,
    "openmetrics": as_openmetrics,
}
_COLUMNS = ("account_id", "observed_health", "owner")


def exposition(engine: Engine, output_format: str) -> bytes:
    """Return the metrics of what the database holds now; before the first run, of no account."""
    return written(_read(engine), output_format)


def written(metrics: Sequence[Metric], output_format: str) -> bytes:
    # A registry of its own: the library's global one also measures this process.
    registry = CollectorRegistry()
    registry.register(_Collected(metrics))
    return _WRITERS[output_format](registry)


def _read(engine: Engine) -> list[Metric]:
    if revision.state_of(engine) is revision.State.EMPTY:
        return [*families([], [], [])]
    with session.open_session(engine) as connection:
        accounts, channels = account_figures(connection), list_channels(connection)
        return [*families(accounts, status(connection, _COLUMNS), channels)]


class _Collected(Collector):
    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics
