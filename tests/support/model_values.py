"""How the reference reads single values of the API, and which of them mean the same."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

Item = dict[str, Any]


def instant(value: Any) -> datetime | None:
    """Read a time; ValueError = it is none, or could be several instants."""
    if value is None:
        return None
    if isinstance(value, int):
        return datetime.fromtimestamp(value, UTC)
    moment = datetime.fromisoformat(value.upper().replace(":60Z", ":59Z"))
    if moment.tzinfo is None:
        raise ValueError(value)
    return moment.astimezone(UTC) + timedelta(seconds=value.upper().endswith(":60Z"))


def truth(value: Any) -> bool | None:
    return {"true": True, "false": False, "none": None}[str(value).lower()]


def words(value: Any) -> str | None:
    if not isinstance(value, str | None):
        raise ValueError(value)
    return value


def table(value: Any) -> dict[str, Any] | None:
    if not isinstance(value, dict | None):
        raise ValueError(value)
    return value


def minutes(value: Any) -> int | None:
    return None if value is None else int(value)


# --- what means the same --------------------------------------------------------------------


def void(value: Any) -> bool:
    """Whether a JSON value says nothing."""
    return not (set(leaves(value)) - {None, "", "******", "[]"})


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from leaves(inner)
    else:
        yield "[]" if value == [] else repr(value) if isinstance(value, list) else value


def steady(new: Any, old: Any, caseless: bool = False) -> Any:
    """A JSON value in which what means the same is written as it was."""
    if void(new) and void(old):
        return old
    if isinstance(new, dict) and isinstance(old, dict):
        every = {*new, *old}
        gone = {n for n in every if void(new.get(n)) and n not in old}
        gone |= {n for n in every if n not in new and not void(old[n])}
        return {n: steady(new.get(n), old.get(n), caseless) for n in every - gone}
    if isinstance(new, list) and isinstance(old, list):
        old = old + [object()] * (len(new) - len(old))
        return [steady(*pair, caseless) for pair in zip(new, old, strict=False)]
    kinds = {type(new), type(old)}
    if caseless:
        kinds -= {str} if kinds == {str} else set()
    if kinds in (set(), {str, bool}) and str(new).lower() == str(old).lower():
        return old
    if bool not in kinds and len(kinds) == 2 and number(new) == number(old) is not None:
        return old
    return new


def number(value: Any) -> Decimal | None:
    """A number, also one that is sent as a text; 007 is none."""
    is_one = re.fullmatch(r"-?(0|[1-9]\d*)(\.\d+)?(e\d+)?", str(value))
    return Decimal(str(value)) if is_one else None


def meant(value: Any) -> Any:
    """A JSON value written in one way, whatever means the same; instants aside."""
    if void(value):
        return None
    if isinstance(value, dict):
        return {name: meant(inner) for name, inner in value.items() if not void(inner)}
    if isinstance(value, list):
        return [meant(inner) for inner in value]
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value if isinstance(value, str) else str(value).lower()


def but(fields: Item, known: set[str]) -> Item | None:
    return {name: value for name, value in fields.items() if name not in known} or None


def since(held: dict[str, Any], name: str, new: Any, caseless: bool = False) -> Any:
    """What a document is to be, by what is held of it, if anything is."""
    return steady(new, held[name], caseless) if name in held else new
