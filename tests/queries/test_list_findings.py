"""Non-urgent findings."""

from support.four_days import rows_of, run


def test_findings_list_what_to_look_at(database: str) -> None:
    [row] = rows_of("findings")
    assert (row["finding"], row["connector_id"]) == ("trial_pause", "odd")
    assert row["since"] == "2026-11-01T03:00:00+00:00"
    header, line = run("findings").stdout.splitlines()
    assert header.split() == [
        *("finding", "since", "connector_id", "schema_name", "service", "group", "detail")
    ]
    assert line.startswith("trial_pause  2026-11-01 08:45:00+05:45  odd ")
