"""Fingerprints of an item: what the API last said of it, in eight bytes for each section. Pure.

A section whose fingerprint is known needs no reading, nor does an item that is known as a whole.
That is sound because to read the same bytes again changes nothing.
"""

from hashlib import sha256

from inventory.items import LISTS, Item

# Raise it whenever the same bytes would be stored in another way: every section is then read anew.
NORMALIZER = 3

_DIGEST = 8  # bytes, compared one to one, never searched: 64 bits leave nothing to chance
_COUNT = 2  # bytes that count oddities
_WIDTH = _DIGEST + _COUNT
_MOST = (1 << 8 * _COUNT) - 1
_HEAD = 1 + _WIDTH  # the normalizer, and the item as a whole
_SECTIONS = 2 + len(LISTS)
_LENGTH = _HEAD + _WIDTH * _SECTIONS


def whole(said: bytes) -> bytes:
    """Fingerprint all that an item says; what is stored for the same begins with it."""
    return bytes((NORMALIZER,)) + sha256(said).digest()[:_DIGEST]


def knows(stored: bytes, of_whole: bytes) -> bool:
    """Say whether what is stored with a connector is of an item with this fingerprint."""
    return stored.startswith(of_whole) and len(stored) == _LENGTH


def oddities_in(stored: bytes) -> int:
    """Return how many oddities the item had whose fingerprints these are."""
    return _count_of(stored[1:_HEAD])


def digests(item: Item) -> list[bytes]:
    """Fingerprint the sections, in the order of the tables."""
    connector, status, times = item.connector, item.status, item.sync_times
    # A name within the status is not the same field as that name beside it.
    names = "\0".join((*status, "/", *times))
    parts: tuple[bytes, ...] = (
        b"\0".join(("\0".join(connector).encode(), *connector.values())),
        b"\0".join((names.encode(), *status.values(), *times.values())),
        *(b"null" if raw is None else raw for raw in item.lists.values()),
    )
    return [sha256(part).digest()[:_DIGEST] for part in parts]


def sections(stored: bytes) -> list[bytes]:
    """Take apart what is stored with a connector, in the order of the tables.

    Each begins with the section's digest, unless it is not known.
    """
    if len(stored) != _LENGTH or stored[0] != NORMALIZER:
        return [b""] * _SECTIONS
    return [stored[at : at + _WIDTH] for at in range(_HEAD, _LENGTH, _WIDTH)]


def section(digest: bytes, oddities: int) -> bytes:
    """Return what is stored for a section that has been read."""
    return digest + min(oddities, _MOST).to_bytes(_COUNT, "big")


def joined(of_whole: bytes, sections: list[bytes]) -> bytes:
    """Return what is stored with the connector."""
    oddities = min(sum(map(_count_of, sections)), _MOST)
    return b"".join((of_whole, oddities.to_bytes(_COUNT, "big"), *sections))


def _count_of(section: bytes) -> int:
    return int.from_bytes(section[_DIGEST:], "big")
