"""How much a run of the tests tries of what is random or long: a little, all, or a part of all."""

import os
import random
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple, TypeVar

import pytest

T = TypeVar("T")


class Effort(NamedTuple):
    """A run tries the same few each time, or the same share; all of it tries others each time."""

    share: float  # of all that is tried thoroughly; 0 = a few
    seed: str = ""  # of what is chosen, the same in all processes of a run

    def number(self, few: int, many: int) -> int:
        return max(few, round(many * self.share)) if self.share else few

    def step(self, wide: int) -> int:
        """How far to go on each time, where a thorough run stops everywhere."""
        return min(wide, round(1 / self.share)) if self.share else wide

    def some(self, everything: Sequence[T], few: Sequence[T]) -> list[T]:
        """In their order."""
        if not self.share:
            return list(few)
        number = self.number(min(len(few), len(everything)), len(everything))
        chosen = random.Random(self.seed).sample(range(len(everything)), number)
        return [everything[place] for place in sorted(chosen)]


def add_options(parser: pytest.Parser) -> None:
    parser.addoption(
        "--thorough",
        action="store_true",
        help="Many thousands of examples and kills instead of some hundred",
    )
    parser.addoption(
        "--share",
        type=float,
        default=1.0,
        help="With --thorough: try this share of them, say 0.1",
    )


def effort_of(config: pytest.Config) -> Effort:
    share = config.getoption("--share") if config.getoption("--thorough") else 0.0
    if share < 1:
        return Effort(share)
    return Effort(share, getattr(config, "workerinput", {}).get("testrunuid", str(os.getpid())))


KINDS = ("sqlite", "postgresql")
THOROUGH = pytest.mark.thorough


def deselect(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what this run does not try.

    An ordinary run tries nothing that is marked as thorough, and each case on one kind of database,
    in turn. One that tries a share takes the other turn, so that the two together try all, and of
    what is marked every tenth case if the share is a hundredth: each of them is of another kind.
    """
    share = effort_of(config).share
    if share == 1:
        return
    left_out = of_other_turns(items, first=1 if share else 0)
    marked = [item for item in items if is_thorough(item)]
    tried = marked[:: round(share**-0.5)] if share else []
    left_out |= {*marked} - {*tried}
    config.hook.pytest_deselected(items=[item for item in items if item in left_out])
    items[:] = [item for item in items if item not in left_out]


def is_thorough(item: pytest.Item) -> bool:
    return item.get_closest_marker("thorough") is not None


def of_other_turns(items: Sequence[pytest.Item], *, first: int) -> set[pytest.Item]:
    """Of each case that is there for both kinds, return one; first one of that kind."""
    cases: dict[tuple[str, ...], dict[str, pytest.Item]] = {}
    for item in items:
        if not is_thorough(item):
            *case, kind = _case_of(item)
            if kind:
                cases.setdefault(tuple(case), {})[kind] = item
    both = [case for case in cases.values() if len(case) == len(KINDS)]
    return {case[KINDS[turn % len(KINDS)]] for turn, case in enumerate(both, first)}


def _case_of(item: pytest.Item) -> tuple[str, ...]:
    """Return what an item tries, and last the kind of database, if it has one."""
    given = dict(item.callspec.params) if hasattr(item, "callspec") else {}
    kinds = [name for name, value in given.items() if isinstance(value, str) and value in KINDS]
    kind = given.pop(kinds[0]) if len(kinds) == 1 else ""
    test = item.nodeid.partition("[")[0]
    return test, *(f"{name}={value!r}" for name, value in given.items()), kind


def few_of(everything: Sequence[T], few: Collection[T]) -> list[Any]:
    """Parameters of a test, of which an ordinary run tries a few."""
    return [
        one
        if one in few
        else pytest.param(*(one if isinstance(one, tuple) else [one]), marks=THOROUGH)
        for one in everything
    ]


# Where the database makes hardly a difference.
CHIEFLY_SQLITE = pytest.mark.parametrize(
    "database_url", few_of(["sqlite", "postgresql"], ["sqlite"]), indirect=True
)
