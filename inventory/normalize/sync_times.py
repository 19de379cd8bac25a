"""Reads the times of an item's last syncs, and tells whether anything else has changed. Pure.

Each sync moves one of them, so of most changed items nothing else has to be read.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw
from msgspec.structs import asdict

from inventory.json_codec import UNREADABLE
from inventory.normalize import digests
from inventory.normalize.coercions import INVALID_VALUE, as_timestamp
from inventory.normalize.supplements import IN_STATUS

_NULL = b"null"
_NOWHERE = -1

_Fields: Any = msgspec.defstruct(
    "_Fields",
    [(name, Raw, Raw(_NULL)) for name in ("succeeded_at", "failed_at", *IN_STATUS)],
    gc=False,
)
_decode: Callable[[Raw], Any] = msgspec.json.Decoder(_Fields).decode


class SyncTimes(NamedTuple):
    """The cells of the times, and a digest of the item without them.

    Two items of one digest differ in these times at most, and in both the same one is the later.
    """

    succeeded_at: str | None
    failed_at: str | None
    digest: bytes
    item: Any  # of `_Fields`

    @property
    def of_deadline(self) -> Mapping[str, Raw]:
        """The undecoded fields that the deadline of the next success depends on."""
        return asdict(self.item)


def last_sync_failed(succeeded_at: str | None, failed_at: str | None) -> bool:
    """Say whether the last sync to end failed."""
    return failed_at is not None and (succeeded_at is None or failed_at >= succeeded_at)


def read(raw: Raw, content: bytes) -> SyncTimes | None:
    """Read the times of an item; None if one is not a plain text that is a time.

    `content` is all of the item but its connect card, after the place of that: see `sections.peek`.
    Of each time, the first equal text is taken out, and its place is told. That is always a whole
    string: after a closing quote no JSON goes on with a digit, as every time begins. If it is the
    string of another field, that of the time itself stays in the content, so items with equal
    digests have the same time.
    """
    try:
        item = _decode(raw)
        succeeded_at, failed_at = _cell(item.succeeded_at), _cell(item.failed_at)
        told = _without(content, bytes(item.succeeded_at), bytes(item.failed_at))
    except (*UNREADABLE, ValueError):  # or it stood in what was taken out as the connect card
        return None
    if succeeded_at is INVALID_VALUE or failed_at is INVALID_VALUE:
        return None
    failed = b"failed" if last_sync_failed(succeeded_at, failed_at) else b""
    return SyncTimes(succeeded_at, failed_at, digests.without_times(failed + told), item)


def _cell(time: Raw) -> Any:
    text = bytes(time)
    if text == _NULL:
        return None
    is_plain = text[:1] == b'"' and b"\\" not in text
    return as_timestamp(text[1:-1].decode()) if is_plain else INVALID_VALUE


def _without(content: bytes, *times: bytes) -> bytes:
    """Return what is left of the content, after the places of what was taken out.

    A time may be longer than the one before it: places are those in what is left.
    """
    card_at, _, text = content.partition(b"\0")
    places = [int(card_at)]
    for time in times:
        if time == _NULL:
            places.append(_NOWHERE)
            continue
        at, size = text.index(time), len(time)
        text = text[:at] + text[at + size :]
        places = [place - size if place > at else place for place in places]
        places.append(at)
    return b"%d %d %d\0%b" % (places[0], places[1], places[2], text)
