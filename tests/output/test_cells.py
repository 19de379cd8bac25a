"""Values as people read them in a column."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from inventory.output.cells import CellFormat
from inventory.output.screen import Screen, Symbols

SYMBOLS = Symbols("…", "→", "░▒▓█", "·")
WHOLE = Screen(
    is_terminal=False, width=80, height=24, fits_rows=False, has_colors=False, symbols=SYMBOLS
)
FITTED = WHOLE._replace(is_terminal=True, fits_rows=True)
NOW = datetime(2026, 11, 20, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (datetime(2026, 11, 3, 8, 5, tzinfo=UTC), "Nov  3 08:05"),
        (datetime(2026, 11, 13, 8, 5, tzinfo=UTC), "Nov 13 08:05"),
        (datetime(2026, 4, 13, 8, 5, tzinfo=UTC), "2026-04-13"),
        (None, "-"),
        (True, "yes"),
        (["a", {"b": 1}], '["a", {"b": 1}]'),
        ("a\x1b[31m", "a\\x1b[31m"),
    ],
)
def test_short_cells_are_aligned_and_safe(
    value: object, text: str, zone: Callable[[str], None]
) -> None:
    zone("UTC")
    assert CellFormat(FITTED, NOW).cell("any", value) == text


def test_only_what_is_nothing_but_a_time_is_a_time_among_values(
    zone: Callable[[str], None],
) -> None:
    zone("Europe/Berlin")
    cells = CellFormat(WHOLE)
    assert cells.cell("new_value", "2026-11-20 03:00:00 UTC") == "2026-11-20 04:00:00+01:00"
    assert cells.cell("new_value", "at 2026-11-20 03:00:00 UTC") == "at 2026-11-20 03:00:00 UTC"
    assert cells.value("created_at", "2026-11-20 03:00:00 UTC") == "2026-11-20 04:00:00+01:00"
    assert cells.value("config.start", "2026-11-20 03:00:00 UTC") == "2026-11-20 03:00:00 UTC"


def test_characters_that_the_encoding_lacks_are_escaped() -> None:
    assert CellFormat(WHOLE._replace(encoding="latin-1")).cell("any", "é日") == "é\\u65e5"
