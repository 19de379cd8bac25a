"""Fingerprints of an item: what the API last said of it, in eight bytes for each section. Pure.

A section whose fingerprint is known needs no reading, nor does an item that is known as a whole.
That is sound because to read the same bytes again changes nothing.
"""

from hashlib import blake2b, sha256
from typing import Any, NamedTuple

from inventory.items import LISTS, Item

# Raise it whenever the same bytes would be stored in another way: every section is then read anew.
NORMALIZER = 2

_DIGEST = 8  # bytes, compared one to one, never searched: 64 bits leave nothing to chance
_COUNT = 2  # bytes that count oddities
_WIDTH = _DIGEST + _COUNT
_MOST = (1 << 8 * _COUNT) - 1
_SECTIONS = 2 + len(LISTS)
_LENGTH = 1 + _WIDTH * (1 + _SECTIONS)


class Stored(NamedTuple):
    """What is stored with a connector: a digest of each section, and its count of oddities."""

    digests: list[bytes]
    oddities: list[int]


_NOTHING = Stored([b""] * _SECTIONS, [0] * _SECTIONS)


def whole(said: bytes) -> bytes:
    """Fingerprint all that an item says; what is stored for the same begins with it."""
    return bytes((NORMALIZER,)) + sha256(said).digest()[:_DIGEST]


def knows(stored: bytes, of_whole: bytes) -> bool:
    """Say whether what is stored with a connector is of an item with this fingerprint."""
    return stored.startswith(of_whole) and len(stored) == _LENGTH


def oddities_in(fingerprints: bytes) -> int:
    """Return the count of oddities in all sections, as it was stored."""
    return int.from_bytes(fingerprints[1 + _DIGEST : 1 + _WIDTH], "big")


def _digest(*parts: Any) -> bytes:
    return blake2b(b"\0".join(parts), digest_size=_DIGEST).digest()


def digests(item: Item) -> list[bytes]:
    """Fingerprint the sections, in the order of the tables."""
    connector, status, times = item.connector, item.status, item.sync_times
    # A name within the status is not the same field as that name beside it.
    names = "\0".join((*status, "/", *times))
    return [
        _digest("\0".join(connector).encode(), *connector.values()),
        _digest(names.encode(), *status.values(), *times.values()),
        *(_digest(b"null" if raw is None else raw) for raw in item.lists.values()),
    ]


def stored(fingerprints: bytes) -> Stored:
    """Take apart what is stored with a connector; what is not of this kind knows no section."""
    if len(fingerprints) != _LENGTH or fingerprints[0] != NORMALIZER:
        return _NOTHING
    starts = range(1 + _WIDTH, _LENGTH, _WIDTH)
    return Stored(
        [fingerprints[at : at + _DIGEST] for at in starts],
        [int.from_bytes(fingerprints[at + _DIGEST : at + _WIDTH], "big") for at in starts],
    )


def joined(of_whole: bytes, digests: list[bytes], oddities: list[int]) -> bytes:
    """Return what is stored with the connector, for `stored` to take apart."""
    parts: list[bytes] = [of_whole, _counted(sum(oddities))]
    for digest, count in zip(digests, oddities, strict=True):
        parts += (digest, _counted(count))
    return b"".join(parts)


def _counted(oddities: int) -> bytes:
    return min(oddities, _MOST).to_bytes(_COUNT, "big")
