"""The shapes that objects of the API usually have, decoded at once. Pure.

A decoder that knows the types takes a quarter of the time of a look at each value. What has another
shape is None here; `fields.fit` lays it out value by value, and comes to the same cells.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw

from inventory import fields
from inventory.fields import Field, Fitted, Oddity

_KINDS: Mapping[Any, Any] = {
    fields.as_text: str,
    fields.as_title: Annotated[str, Meta(max_length=fields.MAX_TITLE)],
    fields.as_integer: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)],
    fields.as_boolean: bool,
    fields.as_instant: str,
    fields.as_object: dict[str, Any],
    fields.json_text: Any,
}
# What is read from these kinds is not yet the cell.
_UNFINISHED = (fields.as_instant, fields.as_object, fields.json_text)


class Shape:
    """Objects with these fields, each of the kind that fits its column, or null, or missing.

    Other fields are passed over, unless it is `closed`: then an object with more is of no shape.
    """

    def __init__(
        self,
        of: Iterable[Field],
        states: Mapping[str, frozenset[str]] | None = None,
        *,
        closed: bool = False,
    ) -> None:
        laid_out = tuple(of)
        self.names = frozenset(field.name for field in laid_out)
        self._struct = msgspec.defstruct(
            "Usual",
            [(field.name, _KINDS[field.fit] | None, None) for field in laid_out],
            forbid_unknown_fields=closed,
            gc=False,
        )
        self._finish = [
            (place, field.fit) for place, field in enumerate(laid_out) if field.fit in _UNFINISHED
        ]
        self._states = [
            (place, field.name, states[field.name])
            for place, field in enumerate(laid_out)
            if states and field.name in states
        ]
        self._one = fields.decoder(self._struct)
        self._many = fields.decoder(list[self._struct])  # type: ignore[name-defined]

    def decode(self, raw: Raw) -> Any:
        """Decode an object to attributes of the fields' names; None where it has another shape."""
        try:
            return self._one(raw)
        except msgspec.ValidationError:
            return None

    def lay_out_all(self, raw: Raw) -> list[Fitted] | None:
        """Lay out a list of objects; None where one of them is not of this shape."""
        try:
            elements = self._many(raw)
        except msgspec.ValidationError:
            return None
        fitted = [self.lay_out(element) for element in elements]
        return None if None in fitted else fitted  # type: ignore[return-value]

    def lay_out(self, decoded: Any) -> Fitted | None:
        """Lay a decoded object out, as `fields.fit` does; None where a value does not fit."""
        cells = list(msgspec.structs.astuple(decoded))
        for place, finish in self._finish:
            if cells[place] is not None:
                cells[place] = finish(cells[place])
                if cells[place] is fields.UNFIT_CELL:
                    return None
        oddities: list[Oddity] = [
            (name, fields.UNKNOWN_STATE)
            for place, name, known in self._states
            if cells[place] is not None and cells[place] not in known
        ]
        return Fitted(cells, {}, oddities)
