"""Outages and recoveries by service, as `service_reliability` shows them."""

from sqlalchemy import Engine
from support.view_rows import LATER, expected, rows_of

# service | group_id | connectors | down_now | incidents | recovered | mttr_minutes | mtbf_minutes
RELIABILITY = """
postgres | -     | 8  | 2 | 2 | 0 | -      | 21150
postgres | north | 4  | 1 | 1 | 0 | -      | 20880
postgres | south | 4  | 1 | 1 | 0 | -      | 21420
mysql    | -     | 7  | 0 | 4 | 2 | 3690.0 | 10245
mysql    | north | 1  | 0 | 2 | 1 | 7020.0 | 4380
mysql    | south | 3  | 0 | 2 | 1 | 360.0  | 8190
mysql    | west  | 3  | 0 | 0 | 0 | -      | -
hubspot  | -     | 6  | 2 | 7 | 5 | 396.0  | 4260
hubspot  | north | 4  | 1 | 5 | 4 | 225.0  | 4104
hubspot  | south | 2  | 1 | 2 | 1 | 1080.0 | 4650
webhooks | -     | 0  | 0 | 0 | 0 | -      | -
webhooks | south | 0  | 0 | 0 | 0 | -      | -
sheets   | -     | 11 | 2 | 3 | 1 | 540.0  | 11700
sheets   | north | 5  | 1 | 1 | 0 | -      | 14700
sheets   | south | 6  | 1 | 2 | 1 | 540.0  | 10200
s3       | -     | 9  | 2 | 5 | 3 | 440.3  | 9785
s3       | north | 4  | 1 | 3 | 2 | 465.0  | 7110
s3       | south | 5  | 1 | 2 | 1 | 391.0  | 13799
kafka    | -     | 12 | 2 | 14 | 9 | 3426.7 | 4137
kafka    | east  | 12 | 2 | 14 | 9 | 3426.7 | 4137
"""


def test_unobserved_connectors_do_not_count_as_down(scenario: Engine) -> None:
    assert set(rows_of(scenario, "service_reliability", "down_now", now=LATER)) == {"0"}


def test_reliability_of_each_service(scenario: Engine) -> None:
    columns = "service group_id connectors down_now incidents recovered mttr_minutes mtbf_minutes"
    assert rows_of(scenario, "service_reliability", columns) == expected(RELIABILITY)
