"""The digests of an item, by which a run finds what has changed since the last one. Pure.

They are stored with the connector. An item whose digest is stored is not read, nor is a section of
a changed item: to read the same bytes by the same rules again changes nothing.
"""

from collections.abc import Mapping
from hashlib import sha256
from itertools import chain
from struct import Struct
from typing import NamedTuple

from inventory.normalize.coercions import MAX_TITLE
from inventory.normalize.fields import ALL_FIELDS, VOLATILE_CONFIG
from inventory.normalize.rows import COLUMNS, SECTIONS
from inventory.normalize.sections import Item

# Raise it if the same bytes are from now on stored in another way and no field has changed.
# tests/normalize/test_rules.py fails if that is forgotten.
RULES_VERSION = 7


def _rules_id() -> bytes:
    """Return four bytes that differ if the fields, their columns or their conversion differ."""
    fields = [
        (field.name, field.column, field.coerce.__name__, sorted(field.known_states or ()))
        for field in chain(*ALL_FIELDS)
    ]
    rules = (RULES_VERSION, fields, COLUMNS, sorted(VOLATILE_CONFIG), MAX_TITLE)
    return sha256(repr(rules).encode()).digest()[:4]


# Stored with the digests: what was read by other rules is read again.
RULES_ID = _rules_id()

# The id of the rules; digest of the item; digest of it without the times of syncs; its anomalies;
# digest and anomalies of each section. Eight bytes of a digest are enough: they are compared with
# one stored value, and never searched.
_ITEM_SIZE = len(RULES_ID) + 8
_WITHOUT_TIMES = slice(_ITEM_SIZE, _ITEM_SIZE + 8)
_ANOMALIES = slice(_WITHOUT_TIMES.stop, _WITHOUT_TIMES.stop + 2)
_SECTION = Struct(">8sH")
_SECTIONS_AT = _ANOMALIES.stop
_SIZE = _SECTIONS_AT + _SECTION.size * len(SECTIONS)
_NONE = bytes(8)  # of an item whose times have to be read with all else
_MAX_ANOMALIES = 2**16 - 1


class SectionDigest(NamedTuple):
    """The digest of a section, and how many anomalies it has."""

    digest: bytes
    anomalies: int


_UNKNOWN = dict.fromkeys(SECTIONS, SectionDigest(b"", 0))


def of_item(content: bytes) -> bytes:
    """Digest an item's content. The stored digests of the same item begin with it."""
    return RULES_ID + sha256(content).digest()[:8]


def matches(stored: bytes, item_digest: bytes) -> bool:
    """Say whether the stored digests are of the item with this digest."""
    return stored.startswith(item_digest) and len(stored) == _SIZE


def without_times(content: bytes) -> bytes:
    """Digest an item's content without the times of its syncs: see `sync_times`."""
    return sha256(content).digest()[:8]


def matches_without_times(stored: bytes, digest: bytes) -> bool:
    """Say whether the stored digests are of an item that differs in the times of syncs at most."""
    return _are_current(stored) and stored[_WITHOUT_TIMES] == digest


def with_times_moved(stored: bytes, item_digest: bytes) -> bytes:
    """Return the bytes to store once the times of syncs have moved and nothing else has."""
    return item_digest + stored[_ITEM_SIZE:]


def are_outdated(stored: bytes) -> bool:
    """Say whether the stored digests are of an item that was read by other rules."""
    return bool(stored) and not _are_current(stored)


def _are_current(stored: bytes) -> bool:
    return len(stored) == _SIZE and stored.startswith(RULES_ID)


def anomalies(stored: bytes) -> int:
    """Return how many anomalies the item has."""
    return int.from_bytes(stored[_ANOMALIES], "big")


def of_sections(item: Item) -> dict[str, bytes]:
    """Digest each section of an item; empty for that of the status, which is always read."""
    settings = b"\0".join(("\0".join(item.connector).encode(), *item.connector.values()))
    lists = {name: b"null" if raw is None else raw for name, raw in item.lists.items()}
    contents = {"connectors": settings} | lists
    found = {name: sha256(content).digest()[:8] for name, content in contents.items()}
    return {name: found.get(name, b"") for name in SECTIONS}


def unpack(stored: bytes) -> dict[str, SectionDigest]:
    """Return the stored digest of each section; empty if none is stored by these rules."""
    if not _are_current(stored):
        return dict(_UNKNOWN)
    sections = map(SectionDigest._make, _SECTION.iter_unpack(stored[_SECTIONS_AT:]))
    return dict(zip(SECTIONS, sections, strict=True))


def pack(
    item_digest: bytes, without_times: bytes | None, sections: Mapping[str, SectionDigest]
) -> bytes:
    """Return the bytes to store with the connector.

    `without_times` is None if the next change of the item has to be read whole.
    """
    in_order = [sections[name] for name in SECTIONS]
    return b"".join(
        (
            item_digest,
            without_times or _NONE,
            _packed_count(sum(section.anomalies for section in in_order)),
            *(_SECTION.pack(digest, min(count, _MAX_ANOMALIES)) for digest, count in in_order),
        )
    )


def _packed_count(anomalies: int) -> bytes:
    return min(anomalies, _MAX_ANOMALIES).to_bytes(2, "big")
