"""Reads the sections `warnings` and `tasks` of an item. Pure.

Their order means nothing. An alert's key is a hash of its content, and equal alerts are numbered.
"""

import re
from collections import defaultdict
from hashlib import blake2b
from typing import Any

import msgspec

from inventory.json_codec import decode, json_text
from inventory.normalize.canonical import canonical
from inventory.normalize.decoding import decode_elements
from inventory.normalize.fields import ALERT_FIELDS
from inventory.normalize.masking import Masker
from inventory.normalize.rows import SectionRows
from inventory.normalize.sections import Item
from inventory.normalize.stored_values import StoredRows
from inventory.normalize.struct_decoder import StructDecoder
from inventory.normalize.structs import AlertFields

_DECODER = StructDecoder(AlertFields)
_encode = msgspec.json.encode
# JSON of a text that is neither blank nor a time, as most details are: it is canonical.
_PLAIN_TEXT = re.compile(r'"[^"\\:*]+"')


def read(
    item: Item, masker: Masker, _: StoredRows, *, section: str, lenient: bool = False
) -> SectionRows:
    """Read the rows of a list. Raises what is in UNREADABLE, unless `lenient`."""
    raw = item.lists[section]
    if raw is None:
        return SectionRows(None, [])
    rows, anomalies = decode_elements(raw, masker, _DECODER, ALERT_FIELDS, lenient=lenient)
    seen: defaultdict[str, int] = defaultdict(int)
    for row in rows:
        content = alert_content(row["code"], row["message"], row["details"], row["extra"])
        content_hash = blake2b(_encode(content), digest_size=16).hexdigest()
        row["content_hash"], row["ordinal"] = content_hash, seen[content_hash]
        seen[content_hash] += 1
    return SectionRows(rows, anomalies)


def alert_content(
    code: str | None, message: str | None, details: str | None, extra: str | None
) -> tuple[Any, ...]:
    """Return what is equal for alerts whose cells mean the same. The content hash is made of it."""
    return (code or None, message or None, _canonical(details), _canonical(extra))


def _canonical(document: str | None) -> str | None:
    if document is None or _PLAIN_TEXT.fullmatch(document):
        return document
    return json_text(canonical(decode(document)))
