"""Which JSON values are equivalent, so that only a difference in meaning is a change. Pure.

- Blank values are equivalent: absent, null, "", [], an object of blank values, and "******", with
  which the API hides a value.
- A number and its text are equivalent: 5432 and "5432", 1.0 and 1. So are true and "true". Two
  texts are not: versions 1.10 and 1.1 differ.
- A mask of the API and our own mask, which adds a digest, are equivalent.
- All spellings of one point in time are equivalent: 03:00Z and 04:00:00.000+01:00.

For texts and states in columns of their own, `sync.merge` decides: "" is null, and states are
compared in lower case.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from inventory.lenient_json import MAX_DIGITS
from inventory.normalize.masks import MASK, without_digests
from inventory.normalize.timestamps import utc_text

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")
_BLANK: tuple[Any, ...] = (None, "", MASK, [])


def keep_equivalent(new: Any, old: Any, fold: Callable[[str], str] = str) -> Any:
    """Return `new`, with each part of `old` that is equivalent in its place.

    `fold` prepares texts for comparison: `str.lower` if case means nothing.
    """
    if is_blank(new) and is_blank(old):
        return old
    if isinstance(new, dict) and isinstance(old, dict):
        # A name with a blank value is equivalent to no such name: keep those of `old`.
        names = {name for name, value in new.items() if name in old or not is_blank(value)}
        names |= {name for name, value in old.items() if name not in new and is_blank(value)}
        return {name: keep_equivalent(new.get(name), old.get(name), fold) for name in names}
    if isinstance(new, list) and isinstance(old, list):
        kept = [keep_equivalent(*pair, fold) for pair in zip(new, old, strict=False)]
        return kept + new[len(kept) :]
    return old if _is_equivalent(new, old, fold) or _is_masked(new, old) else new


def is_blank(value: Any) -> bool:
    """Say whether a value says nothing."""
    if isinstance(value, dict):
        return all(map(is_blank, value.values()))
    return value in _BLANK


def canonical(value: Any) -> Any:
    """Return a value that is equal for equivalent values; None if it is blank.

    Numbers become texts. Without another value to compare with, a number that is sent as a text
    stays as it is: "1.0" and "1" differ.
    """
    if isinstance(value, dict):
        members = {name: canonical(inner) for name, inner in value.items()}
        return {name: inner for name, inner in members.items() if inner is not None} or None
    if value in _BLANK:
        return None
    if isinstance(value, list):
        return [canonical(inner) for inner in value]
    if isinstance(value, str):
        return (utc_text(value) or value) if ":" in value else value
    return str(value).lower() if isinstance(value, bool) else _plain(Decimal(value))


def _plain(number: Decimal) -> str:
    text = f"{number:f}" if number else "0"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _is_equivalent(new: Any, old: Any, fold: Callable[[str], str]) -> bool:
    if isinstance(new, str) and isinstance(old, str):
        return fold(new) == fold(old) or (":" in new and ":" in old and _is_same_time(new, old))
    if isinstance(old, str):
        new, old = old, new
    if isinstance(old, bool) or isinstance(new, bool):
        return bool(new == old) if type(new) is type(old) else new == str(old).lower()
    number = _number(new) if isinstance(new, str) else new
    return number is not None and bool(number == old)


def _is_masked(new: Any, old: Any) -> bool:
    """Whether the API masks what we have masked: all or part of a text, or each text of a list."""
    if isinstance(new, list):
        return bool(new) and all(_is_masked(each, old) for each in new)
    is_mask = isinstance(new, str) and isinstance(old, str) and MASK in new
    return is_mask and new == without_digests(old)


def _is_same_time(one: str, another: str) -> bool:
    time = utc_text(one)
    return time is not None and time == utc_text(another)


def _number(text: str) -> Decimal | None:
    """Parse a JSON number: 007 is a text."""
    return Decimal(text) if len(text) <= MAX_DIGITS and _NUMBER.fullmatch(text) else None
