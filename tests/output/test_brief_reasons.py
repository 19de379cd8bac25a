"""What a table of `inventory status` says of the reason."""

from datetime import UTC, datetime

import pytest

from inventory.output import reasons

SINCE = datetime(2026, 10, 25, 3, 0, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("reason", "brief"),
    [
        ("setup broken since 2026-10-25 03:00 UTC: task reconnect", "task reconnect"),
        ("setup broken since 2026-10-25 03:00 UTC", "setup broken"),
        (
            "syncs failing since 2026-10-25 03:00 UTC: last failure 2026-10-30 02:42 UTC",
            "last failure 2026-10-30 02:42 UTC",
        ),
        ("paused since 2026-10-25 03:00 UTC", "paused"),
        ("paused since 2026-10-24 03:00 UTC", "paused since 2026-10-24 03:00 UTC"),
        ("last success 2026-10-25 03:00 UTC", "last success 2026-10-25 03:00 UTC"),
        (
            "not observed since 2026-10-26 03:00 UTC: the next run is overdue; it was failing",
            "it was failing; the next run is overdue",
        ),
    ],
)
def test_brief_reason_leaves_out_what_other_columns_say(reason: str, brief: str) -> None:
    assert reasons.brief({"reason": reason, "health_since": SINCE}) == brief


def test_reason_without_a_time_stays() -> None:
    row = {"reason": "deleted, as the API reported", "health_since": None}
    assert reasons.brief(row) == "deleted, as the API reported"
