"""Reads the section `setup_tests` of an item. Pure.

The tests of one title are sorted and numbered, so that another order is not a change.
"""

from collections import defaultdict

import msgspec

from inventory.normalize.decoding import decode_elements
from inventory.normalize.fields import SETUP_TEST_FIELDS, Cells
from inventory.normalize.masking import Masker
from inventory.normalize.rows import SectionRows
from inventory.normalize.sections import Item
from inventory.normalize.stored_values import StoredRows
from inventory.normalize.struct_decoder import StructDecoder
from inventory.normalize.structs import SetupTestFields

_DECODER = StructDecoder(SetupTestFields)


def read(item: Item, masker: Masker, _: StoredRows, *, lenient: bool = False) -> SectionRows:
    """Read the rows of the list. Raises what is in UNREADABLE, unless `lenient`."""
    raw = item.lists["setup_tests"]
    if raw is None:
        return SectionRows(None, [])
    rows, anomalies = decode_elements(raw, masker, _DECODER, SETUP_TEST_FIELDS, lenient=lenient)
    seen: defaultdict[str, int] = defaultdict(int)
    rows.sort(key=_sort_key)
    for row in rows:
        title = row["title"] or ""
        row["title"], row["ordinal"] = title, seen[title]
        seen[title] += 1
    return SectionRows(rows, anomalies)


def _sort_key(row: Cells) -> bytes:
    return msgspec.json.encode(tuple(row.values()))
