"""An item of the list, cut into its sections while it is still bytes. Pure.

A section is what goes into one of the versioned tables. `connect_card` is a bearer credential and
is dropped undecoded.
"""

import json
from typing import NamedTuple

import msgspec
from msgspec import Raw

from inventory.errors import PayloadUnusable
from inventory.fields import SYNC_TIMES, decode
from inventory.redaction import REDACTED

LISTS = ("warnings", "tasks", "setup_tests")

# An index row on PostgreSQL ends at about 2,700 bytes, and a setup test's has a title beside the
# id, of 500 characters of up to four bytes; no real id comes near.
MAX_ID = 255  # bytes

# What decoding may raise for bytes that are no JSON, or no JSON that anybody would send.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
ADVICE = "If it lasts, the API has changed: look for a newer version of this tool."

_CARD_SECRET = 16  # characters; the real ones have many more, and shorter ones may be words

_split = msgspec.json.Decoder(dict[str, Raw]).decode
_NULL = b"null"


class Item(NamedTuple):
    """An item cut into its sections, undecoded. A list that was not told is None."""

    raw: Raw
    card: Raw | None
    connector_id: str
    connector: dict[str, Raw]
    status: dict[str, Raw]
    sync_times: dict[str, Raw]
    lists: dict[str, Raw | None]


def cut(raw: Raw) -> Item:
    """Cut an item into its sections.

    What should be an object or a list and is none stays where it stood, to be kept verbatim.
    Raises PayloadUnusable for what is no object or has no usable id: such a page is no inventory.
    """
    try:
        connector = _split(raw)
    except UNREADABLE:
        raise PayloadUnusable(f"The API listed an item that is no JSON object. {ADVICE}") from None
    connector_id = _usable_id(connector.pop("id", None))
    card = connector.pop("connect_card", None)
    status = _pop_status(connector)
    sync_times = {
        field.name: connector.pop(field.name) for field in SYNC_TIMES if field.name in connector
    }
    lists = {
        "warnings": _pop_list(status, "warnings"),
        "tasks": _pop_list(status, "tasks"),
        "setup_tests": _pop_list(connector, "setup_tests"),
    }
    return Item(raw, card, connector_id, connector, status, sync_times, lists)


def without_card(item: Item) -> Item:
    """Return the item with what its connect card holds taken out wherever it is repeated."""
    try:
        told = decode(item.card or _NULL)
    except UNREADABLE:
        told = None
    secrets = [
        json.dumps(value, ensure_ascii=False)[1:-1].encode()
        for value in (told.values() if isinstance(told, dict) else ())
        if isinstance(value, str) and len(value) >= _CARD_SECRET
    ]
    text, card = bytes(item.raw), bytes(item.card or _NULL)
    if all(text.count(secret) <= card.count(secret) for secret in secrets):
        return item
    for secret in secrets:
        text = text.replace(secret, REDACTED.encode())
    return cut(Raw(text))._replace(connector_id=item.connector_id)


def _usable_id(raw: Raw | None) -> str:
    try:
        value = None if raw is None else decode(raw)
    except UNREADABLE:
        value = None
    if isinstance(value, str) and is_usable_id(value):
        return value
    raise PayloadUnusable(f"The API listed an item without a usable id. {ADVICE}")


def is_usable_id(text: str) -> bool:
    """Say whether a text may be a key of ours: short, and safe to print.

    U+FFFD stands where something could not be read.
    """
    if text in (".", ".."):  # which in the path of a question would lead elsewhere
        return False
    return text.isprintable() and "\ufffd" not in text and 0 < len(text.encode()) <= MAX_ID


def _pop_status(connector: dict[str, Raw]) -> dict[str, Raw]:
    raw = connector.pop("status", None)
    if raw is None or bytes(raw) == _NULL:
        return {}
    try:
        return _split(raw)
    except UNREADABLE:
        connector["status"] = raw
        return {}


def _pop_list(fields: dict[str, Raw], name: str) -> Raw | None:
    raw = fields.pop(name, None)
    if raw is None or bytes(raw) == _NULL:
        return None
    if bytes(raw).startswith(b"["):
        return raw
    fields[name] = raw
    return None
