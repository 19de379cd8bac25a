"""The last days of a connector as strips: one character per day, today last."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import Any, NamedTuple, Protocol

from inventory.health import SEVERITIES
from inventory.output.screen import BAD, BY_SEVERITY, DIM, GOOD, Screen, Style

DAYS = 30

_MEANINGS = ("well", "worth a look", "needs action", "down")


class Day(Protocol):
    """A day of `queries.daily_health`."""

    @property
    def day(self) -> date: ...
    @property
    def health(self) -> str | None: ...


class _Mark(NamedTuple):
    symbol: str
    style: Style
    meaning: str


# By whether a sync succeeded, and whether one failed.
_SYNCS = {
    (True, False): _Mark("+", GOOD, "succeeded"),
    (False, True): _Mark("x", BAD, "failed"),
    (True, True): _Mark("!", BY_SEVERITY[2], "both"),
    (False, False): _Mark(".", DIM, "none seen"),
}


def draw(
    health: Sequence[Day], syncs: Sequence[Mapping[str, Any]], today: date, screen: Screen
) -> Iterator[str]:
    """Yield the strips of health and of syncs, the dates of their ends, and the legends.

    `syncs` are rows of `sync_outcomes_daily`. Days are those of UTC.
    """
    days = [today - timedelta(days=ago) for ago in reversed(range(DAYS))]
    worst = {each.day: each.health for each in health}
    outcomes = {row["day"]: (bool(row["succeeded"]), bool(row["failed"])) for row in syncs}
    marks = _health_marks(screen)
    of_health = [marks[SEVERITIES.get(worst.get(day) or "")] for day in days]
    of_syncs = [_SYNCS[outcomes.get(day, (False, False))] for day in days]
    first, last = days[0].isoformat(), days[-1].isoformat()
    yield _strip("health", of_health, screen)
    yield _strip("syncs", of_syncs, screen)
    yield f"        {first}{last:>{DAYS - len(first)}} (days of UTC)"
    yield ""
    yield from _legend("health", list(marks.values()), screen)
    yield from _legend("syncs", list(_SYNCS.values()), screen)


def _health_marks(screen: Screen) -> dict[int | None, _Mark]:
    marks: dict[int | None, _Mark] = {
        severity: _Mark(screen.symbols.shades[severity], BY_SEVERITY[severity], meaning)
        for severity, meaning in reversed(list(enumerate(_MEANINGS)))
    }
    return marks | {None: _Mark(screen.symbols.nothing, DIM, "not observed")}


def _strip(name: str, marks: Sequence[_Mark], screen: Screen) -> str:
    runs = ((mark, len(list(same))) for mark, same in groupby(marks))
    return f"{name:<8}" + "".join(screen.paint(mark.symbol * n, mark.style) for mark, n in runs)


def _legend(name: str, marks: Sequence[_Mark], screen: Screen) -> Iterator[str]:
    explained = [f"{screen.paint(mark.symbol, mark.style)} {mark.meaning}" for mark in marks]
    yield from screen.fold(explained, before=f"{name:<8}", between=", ")
