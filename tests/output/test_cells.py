"""Values as people read them in a column."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from inventory.output import cells

NOW = datetime(2026, 11, 20, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (datetime(2026, 11, 3, 8, 5, tzinfo=UTC), "Nov  3 08:05"),
        (datetime(2026, 11, 13, 8, 5, tzinfo=UTC), "Nov 13 08:05"),
        (datetime(2025, 11, 13, 8, 5, tzinfo=UTC), "2025-11-13"),
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
    assert cells.short("any", value, NOW) == text


def test_only_what_is_nothing_but_a_time_is_a_time_among_values(
    zone: Callable[[str], None],
) -> None:
    zone("Europe/Berlin")
    assert cells.whole("new_value", "2026-11-20 03:00:00 UTC") == "2026-11-20 04:00:00+01:00"
    assert cells.whole("new_value", "at 2026-11-20 03:00:00 UTC") == "at 2026-11-20 03:00:00 UTC"
