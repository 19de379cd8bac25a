"""Splits an item of the list into its sections while it is still bytes. Pure.

A section is what one of the versioned tables stores. `connect_card` is a bearer credential and in
no section; it is decoded only to find the places that repeat it.
"""

from collections.abc import Iterable
from itertools import chain
from typing import NamedTuple

import msgspec
from msgspec import Raw

from inventory import lenient_json
from inventory.errors import UnexpectedResponseError
from inventory.ids import is_usable_id
from inventory.json_codec import UNREADABLE, decode
from inventory.normalize.connect_cards import may_be_in, secrets_of
from inventory.normalize.fields import SYNC_TIME_FIELDS
from inventory.redaction import REDACTED

LISTS = ("warnings", "tasks", "setup_tests")

ADVICE = "If this lasts, the API has changed: look for a newer version of this tool."

_PREFIX = 32  # bytes of a card to search for: Python is slow in searching for long texts

_split = msgspec.json.Decoder(dict[str, Raw]).decode
_NULL = b"null"
_SYNC_TIMES = tuple(field.name for field in SYNC_TIME_FIELDS)


class _IdAndCard(msgspec.Struct):
    id: str
    connect_card: Raw = Raw(b"")


_peek = msgspec.json.Decoder(_IdAndCard).decode


def peek(raw: Raw) -> tuple[str, bytes, bytes]:
    """Return an item's id, usable or not, its content without the connect card, and the card.

    Two items that differ only in their cards have the same content, and no others have. (The
    content begins with the place where the card's bytes first stand.) Raises
    UnexpectedResponseError as `split` does, but accepts any id that is a text.
    """
    text = bytes(raw)
    try:
        seen = _peek(raw)
        connector_id, card = seen.id, bytes(seen.connect_card)
    except UNREADABLE:
        item = split(raw)
        connector_id, card = item.connector_id, bytes(item.card or b"")
    at = text.index(card[:_PREFIX])
    if not text.startswith(card, at):
        at = text.index(card)
    return connector_id, b"%d\0%b%b" % (at, text[:at], text[at + len(card) :]), card


def split_object(raw: Raw) -> dict[str, Raw]:
    """Split an object into its fields, undecoded. Raises what is in UNREADABLE."""
    try:
        return _split(raw)
    except UNREADABLE:
        return {name: Raw(value) for name, value in lenient_json.members(bytes(raw)).items()}


class Item(NamedTuple):
    """An item split into its sections, undecoded. An absent list is None."""

    raw: Raw
    card: Raw | None
    connector_id: str
    connector: dict[str, Raw]
    raw_status: Raw
    status: dict[str, Raw]
    sync_times: dict[str, Raw]
    lists: dict[str, Raw | None]

    def values_of(self, section: str) -> Iterable[Raw]:
        """Return the undecoded values of a section."""
        if section == "connectors":
            return self.connector.values()
        if section == "connector_status":
            return chain(self.status.values(), self.sync_times.values())
        raw = self.lists[section]
        return () if raw is None else (raw,)


def split(raw: Raw) -> Item:
    """Split an item into its sections.

    What should be an object or a list and is not stays where it is, to be kept verbatim. Raises
    UnexpectedResponseError if the item is not an object or has no usable id: a page with such an
    item cannot be used.
    """
    try:
        connector = split_object(raw)
    except UNREADABLE:
        raise UnexpectedResponseError(
            f"The API listed an item that is not a JSON object. {ADVICE}"
        ) from None
    connector_id = usable_id(connector.pop("id", None))
    card = connector.pop("connect_card", None)
    raw_status = connector.pop("status", Raw(_NULL))
    status = _split_status(raw_status)
    if status is None:
        connector["status"], status = raw_status, {}
    sync_times = {name: connector.pop(name) for name in _SYNC_TIMES if name in connector}
    lists = {
        "warnings": _pop_list(status, "warnings"),
        "tasks": _pop_list(status, "tasks"),
        "setup_tests": _pop_list(connector, "setup_tests"),
    }
    return Item(raw, card, connector_id, connector, raw_status, status, sync_times, lists)


def quoted_secrets(card: Raw | None, content: bytes) -> list[bytes]:
    """Return the secrets of an item's connect card that its content may repeat."""
    if not card or not may_be_in(content, card):
        return []
    # Search for their ends: Python is slow in searching for long texts.
    return [it for it in secrets_of(card) if it[-_PREFIX:] in content]


def redact_card(item: Item, content: bytes) -> Item:
    """Return the item without the secrets of its connect card, wherever they are repeated.

    `content` is the item without the card itself.
    """
    secrets = quoted_secrets(item.card, content)
    if not secrets:
        return item
    text = bytes(item.raw)
    for secret in secrets:
        text = text.replace(secret, REDACTED.encode())
    return split(Raw(text))._replace(connector_id=item.connector_id)


def usable_id(raw: Raw | None) -> str:
    """Read an id. Raises UnexpectedResponseError if it is not a usable text."""
    try:
        value = None if raw is None else decode(raw)
    except UNREADABLE:
        value = None
    if isinstance(value, str) and is_usable_id(value):
        return value
    raise UnexpectedResponseError(f"The API listed an item without a usable id. {ADVICE}")


def _split_status(status: Raw) -> dict[str, Raw] | None:
    """Split a status into its fields: none for null; None if it is not an object."""
    if bytes(status) == _NULL:
        return {}
    try:
        return split_object(status)
    except UNREADABLE:
        return None


def _pop_list(fields: dict[str, Raw], name: str) -> Raw | None:
    """Take a list out of the fields; leave there what is not a list."""
    raw = fields.pop(name, None)
    if raw is None or bytes(raw) == _NULL:
        return None
    if bytes(raw).startswith(b"["):
        return raw
    fields[name] = raw
    return None
