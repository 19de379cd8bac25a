"""Reasons of `connector_health`, shortened for a table whose other columns say a part of them."""

import re
from typing import Any

from inventory import times

# What the health says, too.
_SAID = re.compile(r"(?:setup broken|syncs failing|warning open|task open|blocked|delayed): ")
_NOT_OBSERVED = re.compile(r"not observed(?: since [-0-9: ]+ UTC)?: (.+); it was (\w+)")


def brief(row: dict[str, Any]) -> str:
    """Return the reason of a row without its health and without its health_since."""
    reason: str = row["reason"]
    if found := _NOT_OBSERVED.fullmatch(reason):
        return f"it was {found[2]}; {found[1]}"
    if row["health_since"] is not None:
        since = times.format_utc(row["health_since"], timespec="minutes")
        reason = reason.replace(f" since {since}", "", 1)
    return _SAID.sub("", reason, count=1) if _SAID.match(reason) else reason
