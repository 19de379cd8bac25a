"""The lines above `inventory status` on a terminal: how old the data is, and counts per health."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from inventory.health import REMOVED, SEVERITIES, WORST_FIRST
from inventory.output import summary
from inventory.output.cells import CellFormat
from inventory.output.screen import BY_SEVERITY, Screen

Row = dict[str, Any]

_WIDEST = 80  # of the bar


def lines(
    runs: Sequence[Row], connectors: Sequence[Row], screen: Screen, now: datetime
) -> Iterator[str]:
    """Yield a sentence about these connectors, a bar of their severities, and the counts."""
    said = summary.as_of(runs, connectors, time=CellFormat(screen, now).dated)
    yield from screen.fold(said.split(" "))
    counts = Counter(row["health"] for row in connectors if row["health"] not in REMOVED)
    if counts:
        yield _bar(counts, screen)
        yield from screen.fold(_counts(counts, screen), between="  ")


def _by_severity(counts: Counter[str]) -> dict[int, list[tuple[str, int]]]:
    """Return the healths that occur, the worst first, with the number of connectors."""
    found: dict[int, list[tuple[str, int]]] = {}
    for name in WORST_FIRST:
        if counts[name]:
            found.setdefault(SEVERITIES[name], []).append((name, counts[name]))
    return found


def _bar(counts: Counter[str], screen: Screen) -> str:
    """Draw a bar whose parts are as long as their share, but never too short to be seen."""
    width = min(screen.width, _WIDEST)
    total = counts.total()
    parts = {
        severity: sum(number for _, number in named)
        for severity, named in _by_severity(counts).items()
    }
    lengths = {severity: max(1, width * part // total) for severity, part in parts.items()}
    longest = max(lengths, key=lambda severity: lengths[severity])
    lengths[longest] += width - sum(lengths.values())
    return "".join(
        screen.paint(screen.symbols.shades[severity] * length, BY_SEVERITY[severity])
        for severity, length in lengths.items()
    )


def _counts(counts: Counter[str], screen: Screen) -> Iterator[str]:
    for severity, named in _by_severity(counts).items():
        shade = screen.paint(screen.symbols.shades[severity], BY_SEVERITY[severity])
        for position, (name, number) in enumerate(named):
            count = screen.paint(f"{number:,} {name}", BY_SEVERITY[severity])
            yield count if position else f"{shade} {count}"
