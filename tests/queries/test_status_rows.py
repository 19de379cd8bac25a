"""The status of connectors: order, filters and forms."""

import csv
import io

import pytest
from support.builders import (
    DAY,
    connect,
)
from support.four_days import (
    NOW,
    rows_of,
    run,
    stop_clock,
)


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        ((), ["three", "odd", "twin_a", "twin_b", "one", "two"]),
        (("--down",), ["three"]),
        (("--health", "broken", "--health", "healthy", "--service", "s3"), ["three", "two"]),
        (("--health", "deleted"), ["gone"]),
        (("--health", "stale"), []),
        (("--health", "unobserved"), []),
        (("--group", "group_two"), ["two"]),
        (("--group", "group_two", "--group", "group_one", "--service", "s3"), ["three", "two"]),
        (("--service", "nothing like it"), []),
        (("two",), ["two"]),
        (("sales",), ["two"]),
        (("SALES",), ["two"]),
        (("gone",), ["gone"]),
        (("leaver",), ["gone"]),
        (("two", "--down"), []),
    ],
)
def test_status_has_the_worst_first_and_filters(
    database: str, words: tuple[str, ...], ids: list[str]
) -> None:
    assert [row["connector_id"] for row in rows_of("status", *words)] == ids


def test_status_in_a_table_has_the_main_columns_and_sums_up(database: str) -> None:
    result = run("status", "--down")
    assert result.exit_code == 0
    header, line = result.stdout.splitlines()
    assert header.split() == [
        *("health", "since", "connector_id", "schema_name", "service", "group", "reason")
    ]
    assert line.startswith("broken  2026-11-04 08:45:00+05:45  three         stock        s3")
    assert line.endswith("setup broken since 2026-11-04 08:45+05:45: task reconnect")
    assert result.stderr == (
        "As of 2026-11-04 08:45:00+05:45 (12 min ago): 6 connectors, 1 down.\n"
    )
    assert run("status", "--down", "--quiet").stderr == ""


def test_status_has_all_columns_in_json_and_csv(database: str) -> None:
    [row] = rows_of("status", "three")
    assert row["health_since"] == row["health_since"][:10] + "T03:00:00+00:00"
    assert (row["health"], row["is_down"], row["severity"]) == ("broken", True, 3)
    assert (row["open_tasks"], row["removed_at"]) == (1, None)
    [line] = csv.DictReader(io.StringIO(run("status", "three", "--format", "csv").stdout))
    assert list(line) == list(row)
    assert (line["is_down"], line["removed_at"]) == ("true", "")


def test_status_of_one_connector_has_a_line_per_column(database: str) -> None:
    result = run("status", "stock")
    facts = dict(line.split(maxsplit=1) for line in result.stdout.splitlines())
    assert list(facts) == list(rows_of("status", "stock")[0])
    assert (facts["health"], facts["is_down"], facts["open_tasks"]) == ("broken", "yes", "1")
    assert facts["health_since"] == "2026-11-04 08:45:00+05:45"
    assert result.stderr == "As of 2026-11-04 08:45:00+05:45 (12 min ago).\n"


def test_status_says_that_its_data_is_old(
    four_days: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = connect(four_days)
    stop_clock(engine, NOW + 9 * DAY)
    try:
        said = run("status").stderr
        assert said == (
            "As of 2026-11-04 08:45:00+05:45 (9 d ago, overdue): 6 connectors, 0 down, "
            "6 unobserved: the next run is overdue.\n"
        )
        assert [row["observed_health"] for row in rows_of("status", "three")] == ["broken"]
    finally:
        stop_clock(engine, NOW)
