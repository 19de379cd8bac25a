"""Writes JSON of any depth without recursion. Pure."""

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias

from inventory.lenient_json import TooLargeError, check_integer

# Where a value stands: its name, and the path of the object or list around it. Positions in lists
# do not count, as their order often means nothing.
Path: TypeAlias = "tuple[Path, str] | None"

_write = json.JSONEncoder(ensure_ascii=False).encode


class _Part(NamedTuple):
    before: str  # the separator, and the member's name
    value: Any
    path: Path


def write_json(
    value: Any, path: Path = None, replace: Callable[[Any, Path], Any] = lambda part, _: part
) -> str:
    """Write a value as JSON with sorted keys.

    `replace` is called with each text, list and object and its path, and returns what to write
    instead of it.
    """
    written: list[str] = []
    open_parts: list[tuple[Iterator[_Part], str]] = [(iter((_Part("", value, path),)), "")]
    while open_parts:
        parts, end = open_parts[-1]
        for before, part, at in parts:
            written.append(before)
            if type(part) is dict:
                written.append("{")
                open_parts.append((_members(replace(part, at), at), "}"))
                break
            if type(part) is list:
                written.append("[")
                open_parts.append((_elements(replace(part, at), at), "]"))
                break
            if type(part) is str:
                part = replace(part, at)
            written.append(_scalar(part))
        else:
            written.append(end)
            open_parts.pop()
    return "".join(written)


def _members(value: dict[str, Any], path: Path) -> Iterator[_Part]:
    for n, (name, inner) in enumerate(sorted(value.items())):
        yield _Part(f"{',' if n else ''}{_write(name)}:", inner, (path, name))


def _elements(values: list[Any], path: Path) -> Iterator[_Part]:
    for n, inner in enumerate(values):
        yield _Part("," if n else "", inner, path)


def _scalar(value: Any) -> str:
    """Write what is neither a list nor an object; an integer that is too large becomes a text."""
    if type(value) is int:
        try:
            check_integer(value)
        except TooLargeError:
            value = str(value)
    return str(value) if isinstance(value, Decimal) else _write(value)
