"""The tags that mean something: how a person may write their values, and how they are read. Pure.

Anybody can write the table `tags`, so a stored value may be anything. One that cannot be read
counts as none.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urlsplit

from inventory import times

OWNER, TIER = "owner", "tier"
RUNBOOK_URL, MUTE_UNTIL, SLO_MINUTES = "runbook_url", "mute_until", "slo_minutes"

_MAX_MINUTES = 525_600  # a year
_MAX_NAME = 200  # characters: PostgreSQL limits an index row to about 2,700 bytes
_WHOLE_NUMBER = re.compile(r"[0-9]{1,6}", re.ASCII)


def slo_minutes(value: str) -> int | None:
    """Read in how many minutes after a success the next one is due."""
    text = value.strip()
    minutes = int(text) if _WHOLE_NUMBER.fullmatch(text) else 0
    return minutes if 1 <= minutes <= _MAX_MINUTES else None


def mute_until(value: str) -> datetime | None:
    """Read the end of a silence. A time without a zone is in UTC, as all times of the database."""
    try:
        end = datetime.fromisoformat(value.strip())
        return end.astimezone(UTC) if end.tzinfo else end.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def runbook_url(value: str) -> str | None:
    """Read the address of instructions; None if it is not http(s), or holds a user or password."""
    text = value.strip()
    try:
        url = urlsplit(text)
        is_complete = url.scheme in ("http", "https") and url.hostname and url.port != 0
    except ValueError:  # of the port, or of brackets that are not closed
        return None
    is_one_word = text.isprintable() and " " not in text
    return text if is_complete and is_one_word and "@" not in url.netloc else None


def _line(value: str) -> str | None:
    return value.strip() if value.isprintable() else None


_READ: dict[str, tuple[Callable[[str], object], str]] = {
    OWNER: (_line, "one line of printable text"),
    TIER: (_line, "one line of printable text"),
    RUNBOOK_URL: (runbook_url, "an http:// or https:// address without user and password"),
    MUTE_UNTIL: (mute_until, "a time such as 2026-11-20T03:00Z, or a duration from now such as 2h"),
    SLO_MINUTES: (slo_minutes, f"a whole number of minutes from 1 to {_MAX_MINUTES}"),
}
KNOWN = tuple(_READ)


def problem(name: str, value: str) -> str | None:
    """Say why a value counts as none; None if it is valid, empty, or of a tag without a meaning."""
    if name not in _READ or value == "":
        return None
    read, form = _READ[name]
    return None if read(value) is not None else f"{name} must be {form}"


def check_name(name: str) -> None:
    """Raise ValueError for a name that no tag can have."""
    if not name or name != name.strip() or not name.isprintable() or "=" in name:
        raise ValueError("The name of a tag must be printable, without = and outer spaces")
    if len(name) > _MAX_NAME:
        raise ValueError(f"The name of a tag must not be longer than {_MAX_NAME} characters")
    if name not in KNOWN and name.casefold() in KNOWN:
        raise ValueError(f"A tag named {name} has no meaning: write {name.casefold()}")


def to_store(name: str, given: str, now: datetime) -> str:
    """Return a value as it is stored, of what a person wrote at the time `now`.

    Raises ValueError, with the form that name or value must have, if it would count as none.
    """
    check_name(name)
    value = given.strip() if name in _READ else given
    if name == MUTE_UNTIL and value:
        value = _end_of_silence(value, now)
    if why := problem(name, value):
        raise ValueError(why)
    return value


def _end_of_silence(given: str, now: datetime) -> str:
    """Resolve a duration from now, and a time without a zone in the user's."""
    try:
        end = now + times.parse_duration(given)
    except (ValueError, OverflowError):
        try:
            end = times.parse_time(given)
        except ValueError:
            return given  # which is not valid, and reported as such
    return end.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
