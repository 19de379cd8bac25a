"""The account as it was at a timestamp."""

import json

from support.four_days import run


def test_at_shows_the_account_as_it_was(database: str) -> None:
    for moment, health in {
        "2026-11-02T03:00Z": ("paused", "broken", "healthy"),
        "2026-11-02T02:59:59Z": ("healthy", "healthy", "healthy"),
        "2026-11-02T08:45": ("paused", "broken", "healthy"),  # in Kathmandu
        "1d": ("paused", "healthy", "failing"),
        "2026-11-04T03:05Z": ("healthy", "healthy", "broken"),
    }.items():
        result = run("at", moment, "--format", "json")
        rows = {row["connector_id"]: row for row in json.loads(result.stdout)}
        assert tuple(rows[key]["health"] for key in ("one", "two", "three")) == health, moment
        assert ("gone" in rows) == (moment < "2026-11-04" or moment == "1d")
        assert result.stderr == "" or moment == "2026-11-04T03:05Z"
    assert run("at", "2026-11-02").stdout.splitlines()[0].split()[:2] == ["health", "connector_id"]


def test_at_says_if_no_run_covers_the_timestamp(database: str) -> None:
    before = run("at", "2026-11-01", "--format", "json")
    assert (before.exit_code, json.loads(before.stdout)) == (0, [])
    assert before.stderr == (
        "There is no data before 2026-11-01 08:45:00+05:45, the first complete run.\n"
    )
    for late in ("0m", "9999-12-31T23:59:59Z"):
        after = run("at", late, "--format", "json")
        assert (after.exit_code, len(json.loads(after.stdout))) == (0, 6)
        assert after.stderr == (
            "The last complete run is older: this is its data of 2026-11-04 08:45:00+05:45.\n"
        )
    assert json.loads(run("at", "0001-01-01T00:00Z", "--format", "json").stdout) == []
