"""The line that says how current the data is."""

from support.builders import (
    DAY,
    T0,
)

from inventory.output import summary


def test_summary_counts_the_reasons_of_several_accounts() -> None:
    """The oldest run is in time, as its account runs once a day; the other account is overdue."""
    runs = [
        {"account_id": "daily", "observed_at": T0, "age_minutes": 1200, "is_overdue": False},
        {"account_id": "hourly", "observed_at": T0 + DAY, "age_minutes": 300, "is_overdue": True},
        {"account_id": "mistyped", "observed_at": None, "age_minutes": None, "is_overdue": True},
    ]
    rows = [
        {"account_id": account, "health": word, "is_down": word == "broken"}
        for account, word in (
            *(("daily", "unobserved"), ("daily", "broken")),
            *(("hourly", "unobserved"), ("hourly", "unobserved")),
        )
    ]
    said = summary.as_of(runs, rows)
    assert ", overdue" not in said
    assert said.endswith(
        " (20 h ago): 4 connectors, 1 down, 3 unobserved: for 2 the next run is overdue, "
        "and for 1 no run has checked since they were due."
    )
