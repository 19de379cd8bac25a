"""Decides what the headers of a response say of the quota, and how long to wait. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

_RESERVED = 0.2  # of the quota, for the walks of this job and for other clients
_DEFAULT_LIMIT = 20_000


class RateLimit(NamedTuple):
    """The account's quota of requests in an hour, which all its keys share, and what is left."""

    limit: int
    remaining: int

    def is_low(self, *, in_progress: int, necessary: int) -> bool:
        """Whether the requests in progress leave too little for those that are necessary."""
        return self.remaining - in_progress < max(_RESERVED * self.limit, necessary)


def rate_limit_of(headers: Mapping[str, str]) -> RateLimit | None:
    """Return the quota that a response names; None if it names none."""
    limit, remaining = headers.get("X-Rate-Limit"), headers.get("X-Rate-Limit-Remaining")
    if not (remaining and remaining.isascii() and remaining.isdigit()):
        return None
    is_number = limit and limit.isascii() and limit.isdigit()
    return RateLimit(int(limit[:9]) if limit and is_number else _DEFAULT_LIMIT, int(remaining[:9]))


def seconds_to_wait(retry_after: str | None, now: float) -> float | None:
    """Parse Retry-After, seconds or an HTTP date; return None if it is missing or invalid."""
    if retry_after is None:
        return None
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if date.tzinfo is None:  # "-0000", which HTTP does not use, parses as naive UTC
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.fromtimestamp(now, UTC)).total_seconds())
