"""Decodes JSON that the fast decoder, a database or a later reader does not accept. Pure.

It works without recursion, so any depth can be decoded. It accepts NaN, Infinity, raw control
characters and bytes that are not UTF-8; for anything else that is not JSON it raises DecodeError.
Values that not every stage accepts are kept as text.
"""

import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from hashlib import sha256
from typing import Any

import msgspec

# Limits that every stage accepts: the decoders (Python's recursion ends near 1,000), SQLite's
# functions (depth 1,000), PostgreSQL's jsonb (a numeric of 131,072 digits, 16,383 after the point;
# a text of 256 MB), and Python's integers (4,300 digits). No real value comes near.
MAX_DEPTH = 100  # nested lists and objects
MAX_DIGITS = 1000  # of an integer; characters of any other number
MAX_EXPONENT = 1000
MAX_VALUE = 64 << 20  # bytes of a field
MAX_STAND_IN = 100_000  # bytes of a value that is kept as text; of a larger one, only a digest

_INTEGER_LIMIT = 10**MAX_DIGITS

_WHITE = rb"[ \t\n\r]*+"
_TOKEN = re.compile(
    _WHITE + rb'(?:("[^"\\]*+(?:\\.[^"\\]*+)*+")'
    rb"|([\[{])|([\]}])|([,:])"
    rb"|(-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?)"
    rb"|(true|false|null|NaN|-?Infinity))",
    re.DOTALL,
)
_END = re.compile(_WHITE + rb"\Z")
_STRING, _OPEN, _CLOSE, _SEPARATOR, _NUMBER, _WORD, _NAME = range(1, 8)
_PAIRS = {b"[": b"]", b"{": b"}"}
_WORDS = {b"true": True, b"false": False, b"null": None}
_text = json.JSONDecoder(strict=False).decode  # accepts raw control characters


class TooLargeError(msgspec.DecodeError):
    """A JSON value that is nested more deeply or is larger than every stage accepts."""


class StandIn(str):
    """The text that is kept in place of a value."""

    __slots__ = ()


def number(text: str) -> Any:
    """Parse a number exactly: a float would round it.

    Raises TooLargeError if not every stage accepts it.
    """
    if len(text) <= MAX_DIGITS:
        try:
            exact = Decimal(text)
        except ArithmeticError:
            raise TooLargeError from None
        if abs(exact.adjusted()) < MAX_EXPONENT:
            return exact
    raise TooLargeError


def check_integer(value: int) -> None:
    """Raise TooLargeError for an integer with too many digits."""
    if not -_INTEGER_LIMIT < value < _INTEGER_LIMIT:
        raise TooLargeError


def members(data: bytes) -> dict[str, bytes]:
    """Split an object into its fields. If a name comes twice, the last one counts."""
    return {_string(data[start:end]): value for (start, end), value in _parts(data, b"{")}


def elements(data: bytes) -> list[bytes]:
    """Split a list into its elements."""
    return [value for _, value in _parts(data, b"[")]


def decode(
    data: bytes, to_text: Callable[[Any], str], *, any_depth: bool = False
) -> tuple[Any, int]:
    """Decode a value, and count the values in it that are kept as text.

    These are NaN, Infinity, numbers that are too large, and values nested too deeply, which
    `to_text` writes. If a text would be too large, only its size and a digest are kept.
    """
    if len(data) > MAX_VALUE:
        return _digest(data), 1
    root: list[Any] = []
    open_values: list[Any] = [root]
    names: list[str] = [""]
    kept_as_text, deeper, deep_from = 0, 0, 0
    for kind, start, end in _tokens(data):
        if kind == _NAME:
            if not deeper:
                names[-1] = _string(data[start:end])
            continue
        if deeper or (kind == _OPEN and len(open_values) > MAX_DEPTH and not any_depth):
            deep_from = deep_from if deeper else start
            deeper += (kind == _OPEN) - (kind == _CLOSE)
            if deeper:
                continue
            value: Any = _stand_in(data[deep_from:end], to_text)
        elif kind == _CLOSE:
            open_values.pop()
            names.pop()
            continue
        elif kind == _OPEN:
            value = [] if data[start:end] == b"[" else {}
        else:
            value = _scalar(kind, data[start:end])
        kept_as_text += type(value) is StandIn
        if type(open_values[-1]) is list:
            open_values[-1].append(value)
        else:
            open_values[-1][names[-1]] = value
        if kind == _OPEN:
            open_values.append(value)
            names.append("")
    return root[0], kept_as_text


def _stand_in(data: bytes, to_text: Callable[[Any], str]) -> StandIn:
    if len(data) > MAX_STAND_IN:
        return _digest(data)
    return StandIn(to_text(decode(data, to_text, any_depth=True)[0]))


def _digest(data: bytes) -> StandIn:
    return StandIn(f"({len(data):,} bytes, SHA-256 {sha256(data).hexdigest()})")


def _scalar(kind: int, token: bytes) -> Any:
    if kind == _STRING:
        return _string(token)
    if kind == _WORD:
        return _WORDS[token] if token in _WORDS else StandIn(token.decode())
    text = token.decode()
    try:
        if token.lstrip(b"-").isdigit():
            return int(text) if len(text.lstrip("-")) <= MAX_DIGITS else StandIn(text)
        return number(text)
    except TooLargeError:
        return StandIn(text) if len(text) <= MAX_STAND_IN else _digest(token)


def _string(token: bytes) -> str:
    """Decode a text; U+FFFD replaces invalid characters."""
    try:
        text: str = _text(token.decode("utf-8", "replace"))
    except ValueError:
        raise msgspec.DecodeError("not JSON: a text") from None
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.replace("\0", "\ufffd")


def _parts(data: bytes, opened_by: bytes) -> Iterator[tuple[tuple[int, int], bytes]]:
    """Yield the parts of an object or list: the place of the name, and the bytes of the value."""
    name, begun, depth = (0, 0), 0, 0
    for kind, start, end in _tokens(data):
        if depth == 0 and data[start:end] != opened_by:
            raise msgspec.DecodeError("another kind of value")
        if kind == _NAME:
            name = (start, end) if depth == 1 else name
            continue
        if kind == _CLOSE:
            depth -= 1
        elif depth == 1:
            begun = start
        if kind == _OPEN:
            depth += 1
        elif depth == 1:
            yield name, data[begun:end]


def _tokens(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield the tokens of a document: kind, start and end. Raises DecodeError if it is not JSON."""
    closing = bytearray()
    # What may come next: a value, else a name, or this separator. At the beginning of a list or an
    # object, also its end.
    value, may_end, separator = True, False, b""
    at = 0
    while token := _TOKEN.match(data, at):
        kind: int = token.lastindex  # type: ignore[assignment]  # each token is of a kind
        start, at = token.span(kind)
        if kind == _CLOSE:
            if not closing or data[start] != closing[-1] or not (may_end or separator == b","):
                break
            del closing[-1:]
            value, may_end, separator = False, False, b","
        elif kind == _SEPARATOR:
            if data[start:at] != separator or not (closing or separator == b":"):
                break
            value, may_end = separator == b":" or closing[-1:] == b"]", False
            separator = b""
            continue
        elif separator or not (value or kind == _STRING):
            break
        elif kind == _OPEN:
            closing += _PAIRS[data[start:at]]
            value, may_end, separator = closing[-1:] == b"]", True, b""
        elif value:
            value, may_end, separator = False, False, b","
        else:
            may_end, separator = False, b":"
            kind = _NAME
        yield kind, start, at
    else:
        if separator == b"," and not closing and _END.match(data, at):
            return
    raise msgspec.DecodeError("not JSON")
