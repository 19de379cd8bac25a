"""An item of the list, cut into its sections while it is still bytes. Pure.

A section is what goes into one of the versioned tables. `connect_card` is a bearer credential and
in none of them; it is decoded only to see that it stands nowhere else.
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

_PREFIX = 32  # bytes of a card that are looked for: Python takes its time with a long text

_split = msgspec.json.Decoder(dict[str, Raw]).decode
_NULL = b"null"
_NOTHING = Raw(_NULL)
_TIMES = tuple(field.name for field in SYNC_TIMES)


class _Glimpse(msgspec.Struct, gc=False):
    id: str
    connect_card: Raw = Raw(b"")


_glimpse = msgspec.json.Decoder(_Glimpse).decode


def glance(raw: Raw) -> tuple[str, bytes]:
    """Return an item's id, be it usable or not, and all that it says but its card, unread.

    Two items that are alike but for their cards give the same bytes, and no others do: what is
    taken out is what the card says, where that stands first, and the place is told. Raises
    PayloadUnusable as `cut` does, but passes ids that are texts.
    """
    try:
        seen = _glimpse(raw)
    except UNREADABLE:
        return cut(raw).connector_id, bytes(raw)
    text, card = bytes(raw), bytes(seen.connect_card)
    at = text.index(card[:_PREFIX])
    if not text.startswith(card, at):
        at = text.index(card)
    return seen.id, b"%d\0%b%b" % (at, text[:at], text[at + len(card) :])


class Item(NamedTuple):
    """An item cut into its sections, undecoded. A list that was not told is None."""

    raw: Raw
    card: Raw | None
    connector_id: str
    connector: dict[str, Raw]
    raw_status: Raw
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
    raw_status = connector.pop("status", _NOTHING)
    status = _fields_of(raw_status)
    if status is None:
        connector["status"], status = raw_status, {}
    sync_times = {name: connector.pop(name) for name in _TIMES if name in connector}
    lists = {
        "warnings": _pop_list(status, "warnings"),
        "tasks": _pop_list(status, "tasks"),
        "setup_tests": _pop_list(connector, "setup_tests"),
    }
    return Item(raw, card, connector_id, connector, raw_status, status, sync_times, lists)


def without_card(item: Item, said: bytes) -> Item:
    """Return the item with what its connect card holds taken out wherever it is repeated.

    `said` is what the item says but for its card.
    """
    secrets = _secrets_of(item.card) if item.card else []
    # Looked for by their ends: Python takes its time with a long text to look for.
    if not any(secret[-_PREFIX:] in said for secret in secrets):
        return item
    text = bytes(item.raw)
    for secret in secrets:
        text = text.replace(secret, REDACTED.encode())
    return cut(Raw(text))._replace(connector_id=item.connector_id)


def _secrets_of(card: Raw) -> list[bytes]:
    """Return the texts in a card, as they would be written elsewhere."""
    try:
        told = [bytes(raw) for raw in _split(card).values()]
        texts = [_plain(text)[1:-1] for text in told if text.startswith(b'"')]
        return [text for text in texts if len(text.decode()) >= _CARD_SECRET]
    except UNREADABLE:
        return []


def _plain(text: bytes) -> bytes:
    """Write a text of JSON without escapes that it can do without."""
    if b"\\" not in text:
        return text
    return json.dumps(decode(text), ensure_ascii=False).encode()


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


def _fields_of(status: Raw) -> dict[str, Raw] | None:
    """Split a status that is told; None where it is no object."""
    if bytes(status) == _NULL:
        return {}
    try:
        return _split(status)
    except UNREADABLE:
        return None


def _pop_list(fields: dict[str, Raw], name: str) -> Raw | None:
    raw = fields.pop(name, None)
    if raw is None or bytes(raw) == _NULL:
        return None
    if bytes(raw).startswith(b"["):
        return raw
    fields[name] = raw
    return None
