"""The strip of one connector: a band per streak of equal days, higher and stronger if worse.

A letter names every health but `healthy`; the line below covers the time that runs observed.
Strips that look alike are drawn once, because most connectors have had the same days.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from html import escape
from itertools import groupby
from typing import NamedTuple

from inventory.output.health_marks import mark
from inventory.output.report.content import DayOfHealth

HEIGHT, _BASE, _LINE = 20, 16, 18  # of a strip, of the bands' lower end, of the line
_HEIGHTS = {"down": 16, "act": 12, "look": 9, "well": 4, "idle": 4}
# Where letters stand: inside a high band, above a low one.
_LETTERS_AT = {"down": 12, "act": 14, "look": 15, "well": 10, "idle": 10}
_LETTER_WIDTH = 6
_GAP = 1  # between two bands
_QUIET = "healthy"  # not worth a letter
_TOLD = 6  # streaks; with more, the page of a restless account would be too large
_EIGHTHS = 8  # observed shares are drawn in eighths of a day


class Streak(NamedTuple):
    """Days in a row with one health; None = nothing was observed."""

    first: int
    length: int
    health: str | None


def streaks(days: Iterable[DayOfHealth]) -> Iterator[Streak]:
    first = 0
    for health, equal in groupby(days, key=lambda each: each.health):
        length = sum(1 for _ in equal)
        yield Streak(first, length, health)
        first += length


def cell_width(days: int) -> int:
    """Return the width of a day: wide enough for a letter, unless there are many days."""
    return max(3, min(8, 300 // max(1, days)))


class Strips:
    """The drawings of all strips of a page, in pixels."""

    def __init__(self, daily: Mapping[str, Sequence[DayOfHealth]], days: Sequence[date]) -> None:
        self._daily = daily
        self._cell = cell_width(len(days))
        self.width = self._cell * len(days)
        self._drawings = {each: self._draw(of_one) for each, of_one in daily.items()}
        uses = Counter(self._drawings.values())
        shared = (drawing for drawing, number in uses.items() if number > 1)
        self._numbers = {drawing: number for number, drawing in enumerate(shared)}

    def of(self, connector_id: str) -> str:
        """Return the strip of a connector, described in words; "" if nothing is known of it."""
        drawing = self._drawings.get(connector_id)
        if drawing is None:
            return ""
        if drawing in self._numbers:
            drawing = f'<use href="#s{self._numbers[drawing]}"/>'
        words = describe(self._daily[connector_id])
        return f'<svg role="img" aria-label="{words}">{drawing}</svg>'

    def shared(self) -> str:
        """Return the drawings that several strips refer to."""
        return "".join(
            f'<g id="s{number}">{drawing}</g>' for drawing, number in self._numbers.items()
        )

    def _draw(self, days: Sequence[DayOfHealth]) -> str:
        bands: dict[str, str] = defaultdict(str)
        letters: dict[str, dict[int, str]] = defaultdict(dict)
        for first, length, health in streaks(days):
            if health is not None:
                letter, tone = mark(health)
                x, width = first * self._cell, length * self._cell
                bands[tone] += _band(x, width, _HEIGHTS[tone])
                if health != _QUIET and width >= _LETTER_WIDTH:
                    letters[tone][x + width // 2] = letter
        return (
            "".join(f'<path class="{tone}" d="{path}"/>' for tone, path in bands.items())
            + "".join(_text(tone, of_tone) for tone, of_tone in letters.items())
            + f'<path class="seen" d="{self._observed_line(days)}"/>'
        )

    def _observed_line(self, days: Sequence[DayOfHealth]) -> str:
        """Return one line per streak of days that were observed in full, else one per day."""
        shares = [_eighths(each.observed) for each in days]
        path, first = "", 0
        for share, equal in groupby(shares):
            length = sum(1 for _ in equal)
            if share == _EIGHTHS:
                path += f"M{first * self._cell} {_LINE}h{length * self._cell}"
            elif share:
                width = f"{self._cell * share / _EIGHTHS:g}"
                path += "".join(
                    f"M{day * self._cell} {_LINE}h{width}" for day in range(first, first + length)
                )
            first += length
        return path


def describe(days: Sequence[DayOfHealth]) -> str:
    """Return the last streaks in words, each with its first day."""
    found = [*streaks(days)]
    words = [
        f"{short_date(days[first].day)} {health or 'nothing observed'}"
        for first, _, health in found[-_TOLD:]
    ]
    if earlier := len(found) - len(words):
        words.insert(0, f"{earlier} earlier")
    return escape(", ".join(words))


def short_date(day: date) -> str:
    return f"{day:%b} {day.day}"


def _band(x: int, width: int, height: int) -> str:
    width -= _GAP
    return f"M{x} {_BASE - height}h{width}v{height}h-{width}z"


def _text(tone: str, letters: Mapping[int, str]) -> str:
    places, text = " ".join(map(str, letters)), "".join(letters.values())
    return f'<text class="on-{tone}" x="{places}" y="{_LETTERS_AT[tone]}">{text}</text>'


def _eighths(share: float) -> int:
    """Round a share so that only all is shown as all, and only nothing as nothing."""
    if share >= 0.9999:
        return _EIGHTHS
    return min(_EIGHTHS - 1, max(1, round(share * _EIGHTHS))) if share > 0 else 0
