"""Completes an item of the list by what the details of its connector tell. Pure.

The list leaves fields out, above all `config`. A field that the list tells is the list's, and any
other is that of the details: so reading the two in turn is no change.
"""

from collections.abc import Mapping, Set
from typing import Any, NamedTuple

from msgspec import Raw
from msgspec.json import encode

from inventory.errors import UnexpectedResponseError
from inventory.json_codec import UNREADABLE, decode, json_text
from inventory.normalize.coercions import as_object
from inventory.normalize.fields import CONNECTOR_FIELDS, OPTIONAL_FIELDS
from inventory.normalize.sections import (
    ADVICE,
    LISTS,
    Item,
    redact_card,
    split,
    split_object,
)

_OPTIONAL = {field.name for field in OPTIONAL_FIELDS}
# Null for these means that it is not told; for other fields it is a value.
_NULL_IS_ABSENT = _OPTIONAL | {*LISTS}
# What the list always tells, and what must not be stored.
_OF_LIST = {"id", "status", "connect_card", "succeeded_at", "failed_at", "warnings", "tasks"}
# Fields of the section `connectors` that the status depends on.
IN_STATUS = {"schedule", "schedule_type", "sync_frequency", "group_id", "service"}
_COLUMNS = {field.name: field for field in CONNECTOR_FIELDS}


class Completion(NamedTuple):
    """Fields to add to an item, undecoded, and the connect card that came with them.

    `sections` are to be read again because of them. `tested`: the setup tests have just run.
    """

    fields: dict[str, Raw]
    card: Raw | None = None
    sections: Set[str] = frozenset()
    tested: bool = False


def completion(connector_id: str, listed: Raw, details: Raw, *, tested: bool) -> Completion:
    """Return what the details tell beside the item of the list.

    After setup tests, the details also replace the status and the tests. Raises
    UnexpectedResponseError for details of another connector, that cannot be parsed, or that lack
    the results of the tests: nothing shows then that any were run.
    """
    try:
        fields = split_object(details)
        is_same = decode(fields.get("id", b"null")) == connector_id
        told = _told_fields(split_object(listed)) | _OF_LIST
    except UNREADABLE:
        is_same = False
    if not is_same:
        raise UnexpectedResponseError(
            f"The details of connector {connector_id} are not those of a connector. {ADVICE}"
        )
    told_by_details = _told_fields(fields)
    if tested and "setup_tests" not in told_by_details:
        raise UnexpectedResponseError(
            f"The response to the setup tests of connector {connector_id} lacks setup_tests. "
            f"{ADVICE}"
        )
    more = {name: fields[name] for name in told_by_details - told}
    sections = {"connectors"}
    if tested:
        more |= {name: fields[name] for name in ("status", "setup_tests") if name in fields}
        sections |= {"connector_status", "warnings", "tasks"}
    if "setup_tests" in more:
        sections.add("setup_tests")
    return Completion(more, fields.get("connect_card"), sections, tested)


def details_alone(details: Raw) -> Completion:
    """Return all that the details of a connector tell that the list does not show.

    What the list leaves out is unknown then, so it clears none of it.
    """
    return Completion(split_object(details), sections=frozenset({"connectors"}))


def stored_completion(names: Set[str], row: Mapping[str, Any]) -> Completion:
    """Return these fields as they are stored, masked. `row` has the cells of the connector.

    It leaves out those that keep their cells if they are absent.
    """
    extra = {} if row.get("extra") is None else decode(row["extra"])
    found: dict[str, Raw] = {}
    for name in names:
        field = _COLUMNS.get(name)
        cell = row.get(field.column) if field else None
        if name in extra:  # also if it does not fit its column, which has an older value
            found[name] = Raw((json_text(extra[name]) or "null").encode())
        elif field and cell is not None and name not in _OPTIONAL:
            found[name] = Raw(cell.encode() if field.coerce is as_object else encode(cell))
    return Completion(found)


def not_told(names: Set[str], item: Mapping[str, Raw]) -> Set[str]:
    """Return which of these fields an item does not tell."""
    return names - _told_fields(item)


def _told_fields(item: Mapping[str, Raw]) -> Set[str]:
    return {
        name
        for name, value in item.items()
        if not (name in _NULL_IS_ABSENT and bytes(value) == b"null")
    }


def completed(listed: Raw, content: bytes, by: Completion) -> tuple[Item, bytes]:
    """Return the item with more fields and without secrets of cards, and its whole content."""
    fields = {**split_object(listed), **by.fields}
    members = (encode(name) + b":" + bytes(value) for name, value in fields.items())
    item = split(Raw(b"{" + b",".join(members) + b"}"))
    content = b"\0".join((content, *map(bytes, by.fields.values())))
    item = redact_card(item, content)
    return redact_card(item._replace(card=by.card), content) if by.card else item, content


def cells_of(by: Completion | None) -> dict[str, Any]:
    """Return the cells that say what was read beyond the list."""
    names = sorted(by.fields.keys() - _OF_LIST - {*LISTS}) if by else None
    return {
        "has_details": by is not None,
        "details_fields": json_text(names),
        "has_tests": by is not None and by.tested,
    }
