"""Items are read again after an upgrade that changes what is stored of them, and only then."""

import json
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from msgspec import Raw
from support.builders import DIGEST_KEY, Item

from inventory.normalize import digests
from inventory.normalize.coercions import as_text
from inventory.normalize.fields import ALL_FIELDS, Field
from inventory.normalize.normalizer import Normalizer
from inventory.normalize.rows import COLUMNS, SECTIONS

HERE = Path(__file__).parent

# --- what a change of the fields does -------------------------------------------------------


def with_first(field: Field) -> list[tuple[Field, ...]]:
    return [(field, *ALL_FIELDS[0][1:]), *ALL_FIELDS[1:]]


FIRST = ALL_FIELDS[0][0]
CHANGED = {
    "added": [(*ALL_FIELDS[0], Field("new", "new", as_text, None, False)), *ALL_FIELDS[1:]],
    "removed": [ALL_FIELDS[0][1:], *ALL_FIELDS[1:]],
    "renamed": with_first(FIRST._replace(name="other")),
    "in another column": with_first(FIRST._replace(column="other")),
    "converted otherwise": with_first(FIRST._replace(coerce=lambda value: value)),
    "with other states": with_first(FIRST._replace(known_states=frozenset(("new",)))),
}


@pytest.mark.parametrize("how", CHANGED)
def test_field_that_changes_makes_other_rules(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    assert digests._rules_id() == digests.RULES_ID
    monkeypatch.setattr(digests, "ALL_FIELDS", CHANGED[how])
    assert digests._rules_id() != digests.RULES_ID


def test_later_version_makes_other_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "RULES_VERSION", digests.RULES_VERSION + 1)
    assert digests._rules_id() != digests.RULES_ID


def test_digests_of_the_first_releases_are_outdated() -> None:
    """They begin with one byte for the rules, and were of 61 bytes."""
    assert digests.are_outdated(b"\5" + bytes(60))
    assert not digests.are_outdated(b"")  # nothing is stored yet


# --- what a change of the code does ---------------------------------------------------------

VALUES = """
    null true 7 -7 7.5 360.0 1e400 9223372036854775808 {} {"a":1} [] [1] [[1]] {"b":[],"a":null}
    "" "text" "7" "1.5" "TRUE" "paused" "Broken" "manual" "******" "[1]" NaN 0.10
    "2024-12-01T15:43:29Z" "2024-12-01t15:43:29.5+02" "2024-12-01" "2024-12-01T15:43:60Z"
    1732981409 "1732981409013"
"""
LARGE = [f'"{"x" * 501}"', "[" * 200 + "]" * 200, '{"last_synced_changes__utc_":1,"a":2}']
SCHEDULES: list[Item] = [
    {"schedule_type": "CRON", "cron": "0 6 * * 1-5"},
    {"schedule_type": "TIME_OF_DAY", "time_of_day": "06:00:30", "days_of_week": ["MON"]},
    {"schedule_type": "INTERVAL", "interval": 90, "days_of_week": ["TUE", "Sunday"]},
    {"schedule_type": "CRON", "cron": "60 6 * * *"},
]
TEXTS = [
    "postgresql://me:hunter2@db:5432/x",
    "jdbc:oracle:thin:scott/hunter2@//h:1521/x",
    "https://h/?code=hunter2&x=1",
    "https://h/?to=https%3A%2F%2Fme%3Ahunter2%40h%3Ftoken%3Dhunter2",
    "https://hooks.slack.com/services/T1/B2/hunter2",
    "curl -u me:hunter2 https://h",
    "run --password hunter2 --host h",
    "Accept: a/b\r\nX-Api-Key: hunter2",
    "Server=db;Pwd=hun,ter#2;Port=1",
    "Authorization: Bearer hunter2-hunter2",
    "-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----",
    "Private-Lines: 1\nhunter2\nPrivate-MAC: 0f",
    '{"password": "hunter2", "a": [{"name": "token", "value": "hunter2"}]}',
    'at {"user": "me", "password": "hunter2"}.',
    "key AKIA" + "IOSFODNN7EXAMPLE",
    "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxIn0.s1gn",
    "token: it has expired",
]
NAMES = """
    password pwd passphrase clientSecret oauth_token hapikey sshKey privateKey keystore_file
    github_pat card_pin sas creds connection_string authorization external_secrets_keys_config
    path primary_keys public_key private_link_id token_url api_key_name has_password key_columns
    sort_key monkey authorization_method access_token_expires_at certificate_type
"""
# As of this version; a field that is new leaves the rows of these as they are.
CONNECTOR = """
    schema group_id service connected_by daily_sync_time schedule_type data_delay_sensitivity
    service_version sync_frequency data_delay_threshold paused pause_after_trial created_at schedule
    config connect_card_config source_sync_details succeeded_at failed_at new
"""
STATUS = """
    setup_state sync_state update_state schema_status is_historical_sync rescheduled_for new
"""


def corpus() -> list[str]:
    """Items with odd values in each field, and with secrets of each kind."""
    listed = []
    for value in (*VALUES.split(), *LARGE):
        alert = object_of("code message details new", value)
        test = object_of("title status message details new", value)
        status = object_of(STATUS, value, warnings=f"[{alert},{value}]", tasks="[]")
        lists = {"status": status, "setup_tests": f"[{test},{value},{test}]"}
        listed.append(object_of(CONNECTOR, value, id='"x"', **lists))
        listed.append(f'{{"id":"x","status":{value},"setup_tests":{value}}}')
    by_vendor = [(HERE / "vendor_fields" / f"{it}.txt") for it in ("sensitive", "unmarked")]
    names = chain(NAMES.split(), *(file.read_text().splitlines() for file in by_vendor))
    config = dict.fromkeys(names, "hunter2")
    usual = {"schedule_type": "auto", "succeeded_at": "2026-11-20T06:10:00Z", "config": config}
    listed += [json.dumps({"id": "x"} | usual | {"schedule": it}) for it in SCHEDULES]
    secret = {
        "schema": TEXTS[0],
        "config": TEXTS,
        "new": TEXTS,
        "connect_card": {"token": "t" * 20},
    }
    warnings = [{"code": text, "message": "t" * 20, "details": [text]} for text in TEXTS]
    return [*listed, json.dumps({"id": "x", "status": {"warnings": warnings}} | secret)]


def object_of(names: str, value: str, **others: str) -> str:
    members = dict.fromkeys(names.split(), value) | others
    return f"{{{','.join(f'{json.dumps(name)}:{text}' for name, text in members.items())}}}"


def rows_of(item: str) -> Any:
    """The cells that are not null or false, without the digests, which name the rules."""
    normalizer = Normalizer(known={}, on_anomaly=lambda *_: None, digest_key=DIGEST_KEY)
    found = normalizer.normalize([Raw(item.encode())]).rows
    rows = [
        {column: cell for column, cell in zip(COLUMNS[section], row, strict=True) if cell}
        for section in SECTIONS
        for row in found[section]
    ]
    return [{name: cell for name, cell in row.items() if name != "digests"} for row in rows]


def test_code_that_stores_the_same_items_otherwise_has_another_version() -> None:
    """If this fails, existing rows are not what this release would store.

    Then raise RULES_VERSION in `inventory/normalize/digests.py`, so that a first run reads every
    item again, and write the new version and hash here. If only the corpus above has changed, write
    the new hash.
    """
    stored = json.dumps([rows_of(item) for item in corpus()], sort_keys=True)
    assert digests.RULES_VERSION == 7
    assert sha256(stored.encode()).hexdigest()[:16] == "d90a121daf3b2333"
