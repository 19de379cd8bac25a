"""Fingerprints of an item's sections: what the API last said, in ten bytes each. Pure.

A section whose fingerprint is known needs no reading. That is sound because to read the same bytes
again changes nothing.
"""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

from inventory.items import LISTS, Item

# Raise it whenever the same bytes would be stored in another way: every section is then read anew.
NORMALIZER = 1

_DIGEST = 8  # compared one to one, never searched: 64 bits leave nothing to chance
_COUNT = 2  # bytes that count a section's oddities
_WIDTH = _DIGEST + _COUNT
_MOST = 256**_COUNT - 1
_SECTIONS = 2 + len(LISTS)
_SALT = NORMALIZER.to_bytes(16, "big")


def _digest(*parts: Any) -> bytes:
    return blake2b(b"\0".join(parts), digest_size=_DIGEST, salt=_SALT).digest()


def digests(item: Item) -> list[bytes]:
    """Fingerprint the sections, in the order of the tables."""
    # A name within the status is not the same field as that name beside it.
    status = item.status | {f"/{name}": raw for name, raw in item.sync_times.items()}
    return [
        _digest("\0".join(item.connector).encode(), *item.connector.values()),
        _digest("\0".join(status).encode(), *status.values()),
        *(_digest(b"null" if raw is None else raw) for raw in item.lists.values()),
    ]


def stored(fingerprints: bytes) -> list[tuple[bytes, int]]:
    """Return each section's digest and count of oddities as they were stored."""
    if len(fingerprints) != _WIDTH * _SECTIONS:
        return [(b"", 0)] * _SECTIONS
    starts = range(0, len(fingerprints), _WIDTH)
    sections = [fingerprints[at : at + _WIDTH] for at in starts]
    return [(one[:_DIGEST], int.from_bytes(one[_DIGEST:], "big")) for one in sections]


def joined(digests: Iterable[bytes], counts: Iterable[int]) -> bytes:
    """Return what is stored with the connector, for `stored` to take apart."""
    pairs = zip(digests, counts, strict=True)
    return b"".join(digest + min(count, _MOST).to_bytes(_COUNT, "big") for digest, count in pairs)
