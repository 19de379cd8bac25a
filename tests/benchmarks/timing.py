"""What is timed and what against: shared by the fixtures, the tests and the table at the end."""

from collections.abc import Callable
from typing import NamedTuple

# Of each situation the floor that it belongs to.
FLOORS = {"first": "floor-load"} | dict.fromkeys(("same", "changed", "moved"), "floor-read")


class Served(NamedTuple):
    """The account; `advance` lets it move on and says how many connectors did."""

    url: str
    advance: Callable[[str], int]


class Database(NamedTuple):
    """A database of one kind; `empty` makes it anew, `settle` lets it end what it is still at."""

    kind: str
    url: str
    empty: Callable[[], object]
    settle: Callable[[], object]


class Figure(NamedTuple):
    seconds: float
    peak: float  # MB


Figures = dict[tuple[str, str], Figure]  # by situation and kind of database


def table(figures: Figures) -> list[str]:
    """Seconds, how many times its floor that is, and memory: a line per situation."""
    kinds = list(dict.fromkeys(kind for _, kind in figures))
    situations = dict.fromkeys(situation for situation, _ in figures)
    return [
        " " * 12 + "".join(f"{kind:>32}" for kind in kinds),
        " " * 12 + f"{'seconds':>12}{'x floor':>10}{'peak MB':>10}" * len(kinds),
        *(
            f"{situation:12}" + "".join(_cell(figures, situation, kind) for kind in kinds)
            for situation in situations
        ),
    ]


def _cell(figures: Figures, situation: str, kind: str) -> str:
    figure = figures.get((situation, kind))
    if figure is None:
        return " " * 32
    floor = figures.get((FLOORS.get(situation, ""), kind))
    times = f"{figure.seconds / floor.seconds:.2f}" if floor else ""
    return f"{figure.seconds:>12.2f}{times:>10}{figure.peak:>10.0f}"
