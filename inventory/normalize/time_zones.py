"""The time zones of destinations, as offsets from UTC. Pure."""

import re
from datetime import timedelta
from typing import TypeAlias

# One offset, or with daylight saving time two.
TimeZones: TypeAlias = tuple[timedelta, ...]

# Time zones are between twelve hours behind UTC and fourteen ahead of it.
WEST, EAST = timedelta(hours=12), timedelta(hours=14)
_OFFSET = re.compile(r"([+-]?)([0-9]{1,2})(?::?([0-5][0-9]))?")


def parse(offset: str | None, *, has_daylight_saving: bool | None) -> TimeZones | None:
    """Return the offsets that a destination's clock may have, as the API writes it: -5, +5:30.

    None if it cannot be read.
    """
    found = _OFFSET.fullmatch((offset or "").strip())
    if not found:
        return None
    sign, hours, minutes = found.groups()
    standard = timedelta(hours=int(hours), minutes=int(minutes or 0)) * (-1 if sign == "-" else 1)
    zones = (standard, standard + timedelta(hours=1)) if has_daylight_saving else (standard,)
    return zones if zones[0] >= -WEST and zones[-1] <= EAST else None
