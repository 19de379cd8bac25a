"""Decodes and encodes the JSON of the API. Pure."""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from inventory import lenient_json

_encode = msgspec.json.Encoder(order="sorted", decimal_format="number", enc_hook=str).encode
_HAS_ESCAPE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_INVALID_ESCAPE = re.compile(
    rb"(?<!\\)((?:\\\\)*+)"  # a backslash before it may be escaped itself
    rb"\\u(?:0000"
    rb"|[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2}\\u)[dD][c-fC-F][0-9a-fA-F]{2})"
)

# Raised in decoding bytes that are not JSON, or JSON that the fast decoder does not accept.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def replace_invalid_escapes(body: bytes | bytearray) -> bytes | bytearray:
    """Replace escapes of invalid characters (NUL, lone surrogates) by U+FFFD.

    PostgreSQL accepts no NUL in text or jsonb. A lone surrogate is left if a server truncates a
    text in the middle of an emoji.
    """
    return _INVALID_ESCAPE.sub(rb"\1\\ufffd", body) if _HAS_ESCAPE.search(body) else body


def decoder(of: Any = Any) -> Callable[[Any], Any]:
    """Return a function that decodes JSON to a type, and raises what is in UNREADABLE."""
    return msgspec.json.Decoder(of, float_hook=lenient_json.number).decode


decode = decoder()


def decode_leniently(raw: Any, to_text: Callable[[Any], str] = lambda _: "") -> tuple[Any, int]:
    """Decode what `decode` cannot, and count the values kept as text: see `lenient_json.decode`.

    `to_text` writes a value that is nested too deeply; without it, such a value becomes "".
    """
    return lenient_json.decode(bytes(raw), to_text)


def decode_in_any_way(raw: bytes) -> Any:
    """Decode one value, leniently where `decode` cannot."""
    try:
        return decode(raw)
    except UNREADABLE:
        return decode_leniently(raw)[0]


def json_text(value: Any) -> str | None:
    """Return JSON with sorted keys, so that equal values give equal texts; None for null."""
    return None if value is None else _encode(value).decode()


def extra_text(extra: dict[str, Any]) -> str | None:
    """Return JSON with sorted keys; None if there are no values."""
    return json_text(extra or None)
