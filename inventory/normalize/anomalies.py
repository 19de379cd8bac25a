"""What is odd about an item: the field and the reason, never the value. Pure.

An anomaly is not an error. The value is kept verbatim in `extra`, counted and logged: a change in
the API never stops the inventory.
"""

from typing import NamedTuple


class Anomaly(NamedTuple):
    """A field of the API, and what is odd about its value."""

    field: str
    reason: str


INVALID = "does not fit its column"
UNKNOWN_STATE = "has an unknown state"
KEPT_AS_TEXT = "has a value nested too deeply, too large or not a number"
NOT_AN_OBJECT = "is not an object"
IMPOSSIBLE = "is not a schedule that can be computed"

ELEMENT = "(element)"  # stands for the name of a field in an anomaly of a list's element
