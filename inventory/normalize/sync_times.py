"""Reads the times of an item's last syncs, and tells whether anything else has changed. Pure.

Each sync moves one of them, so of most changed items nothing else has to be read.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw

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
        return {name: getattr(self.item, name) for name in IN_STATUS}


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
    card_at, _, text = content.partition(b"\0")
    rest = _Rest(text, int(card_at))
    try:
        item = _decode(raw)
        succeeded_at = rest.take_out(bytes(item.succeeded_at))
        failed_at = rest.take_out(bytes(item.failed_at))
    except (*UNREADABLE, ValueError):  # or it stood in what was taken out as the connect card
        return None
    if succeeded_at is INVALID_VALUE or failed_at is INVALID_VALUE:
        return None
    told = b"%d %b" % (last_sync_failed(succeeded_at, failed_at), rest.told())
    return SyncTimes(succeeded_at, failed_at, digests.without_times(told), item)


class _Rest:
    """What is left of an item, and the places of what was taken out.

    A time may have another length than the one before it, and moves nothing behind it.
    """

    def __init__(self, text: bytes, card_at: int) -> None:
        self._text = text
        self._places = [card_at]

    def take_out(self, time: bytes) -> Any:
        """Take out a time, undecoded; return its cell, or INVALID_VALUE."""
        if time == _NULL:
            self._places.append(_NOWHERE)
            return None
        if time[:1] != b'"' or b"\\" in time:
            return INVALID_VALUE
        at = self._text.index(time)
        self._text = self._text[:at] + self._text[at + len(time) :]
        self._places = [it - len(time) if at < it else it for it in self._places] + [at]
        return as_timestamp(time[1:-1].decode())

    def told(self) -> bytes:
        places = " ".join(map(str, self._places))
        return b"%b\0%b" % (places.encode(), self._text)
