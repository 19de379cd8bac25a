"""How values of known tags may be written, and how they are read."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from inventory import known_tags

NOW = datetime(2026, 11, 20, 3, tzinfo=UTC)
VALID = {
    "slo_minutes": {"1": 1, " 90 ": 90, "525600": 525600, "007": 7},
    "runbook_url": dict.fromkeys(
        (
            "http://a",
            "https://wiki.example.com:8443/x?y=1&z=%20#top",
            "https://[::1]/",
            "HTTP://A/b",
        )
    ),
    "mute_until": {
        "2026-11-20T05:00:00Z": NOW + timedelta(hours=2),
        "2026-11-20 06:00+01:00": NOW + timedelta(hours=2),
        "2026-11-20": NOW - timedelta(hours=3),  # by SQL: without a zone it is UTC
    },
}
INVALID = {
    "slo_minutes": ("0", "525601", "-1", "+5", "1.0", "٣", "1e3", "one", "1 2", "9" * 5000),
    "runbook_url": (
        *("wiki", "ftp://a", "javascript:alert(1)", "https://", "https:///x", "//a/b"),
        *("https://user:pw@a/", "https://user@a", "https://a b/", "https://a/\n/b", "https://[::1"),
        *("https://a:99999/", "https://a/\x1b[1m", "https://a/\u2028b"),
    ),
    "mute_until": ("soon", "2026-13-01", "2h", "99999-01-01", "0001-01-01T00:00+23:00", "\0"),
    "owner": ("two\nlines", "\x1b[1m", "\u202eright to left"),
    "tier": ("a\tb",),
}


@pytest.mark.parametrize("name", VALID)
def test_valid_values_are_read(name: str) -> None:
    for value, meaning in VALID[name].items():
        assert getattr(known_tags, name)(value) == (value if meaning is None else meaning), value
        assert known_tags.problem(name, value) is None


@pytest.mark.parametrize("name", INVALID)
def test_other_values_count_as_none_and_cannot_be_set(name: str) -> None:
    for value in INVALID[name]:
        if name in VALID:
            assert getattr(known_tags, name)(value) is None, value
        assert known_tags.problem(name, value), value
        if value != "2h":
            with pytest.raises(ValueError, match=f"^{name} must be "):
                known_tags.to_store(name, value, NOW)
        assert known_tags.problem("my_own", value) is None


def test_duration_from_now_and_a_time_of_the_users_zone_are_stored_in_utc(
    zone: Callable[[str], None],
) -> None:
    zone("Asia/Kathmandu")
    for given, stored in {
        "2h": "2026-11-20T05:00:00Z",
        " 1d ": "2026-11-21T03:00:00Z",
        "2026-11-20T10:45": "2026-11-20T05:00:00Z",
        "2026-11-20 05:00Z": "2026-11-20T05:00:00Z",
    }.items():
        assert known_tags.to_store("mute_until", given, NOW) == stored
        assert known_tags.to_store("mute_until", stored, NOW) == stored


def test_empty_value_and_any_value_of_an_unknown_tag_are_stored_as_they_are() -> None:
    for name in (*known_tags.KNOWN, "my_own"):
        assert known_tags.to_store(name, "", NOW) == ""
    assert known_tags.to_store("my_own", " two\nlines ", NOW) == " two\nlines "


@pytest.mark.parametrize("name", ["", " x", "x ", "a=b", "a\nb", "Owner", "SLO_MINUTES", "x" * 201])
def test_name_that_no_tag_can_have_is_rejected(name: str) -> None:
    with pytest.raises(ValueError, match="tag"):
        known_tags.to_store(name, "1", NOW)
