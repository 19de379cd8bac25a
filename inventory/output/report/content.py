"""What the report shows, as rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

Row = dict[str, Any]
Rows = list[Row]


class DayOfHealth(Protocol):
    """The worst health of a day, None if nothing was observed; and the share that was observed."""

    @property
    def day(self) -> date: ...
    @property
    def health(self) -> str | None: ...
    @property
    def observed(self) -> float: ...


@dataclass(frozen=True)
class Content:
    """Rows are those of the views; all but those of runs are about the connectors in `connectors`.

    `connectors` are those that exist, the worst first, and those that existed in the period.
    `filters` are the options that limit the report. `problems` are about the data, not about a
    connector. `services` and `availability` cover 30 days, whatever the period.
    """

    now: datetime
    database: str
    days: Sequence[date]
    filters: Mapping[str, Sequence[str]]
    accounts: Mapping[str, str | None]
    runs: Rows
    problems: Rows
    connectors: Rows
    daily: Mapping[str, Sequence[DayOfHealth]]
    availability: Mapping[str, Row]
    destinations: Rows
    incidents: Rows
    services: Rows
    changes: Rows
    changes_since: datetime
    findings: Rows
