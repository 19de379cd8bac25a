"""Turns the items of the lists beside the connectors into rows: groups, destinations, users, types.

Pure. These lists are short, so each item is read field by field. Personal data without a column,
such as a phone number, is dropped; `extra` keeps the rest of groups and destinations, masked.

The vendor's reference: https://fivetran.com/docs/rest-api
"""

from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Any, NamedTuple

from msgspec import Raw, Struct, field
from msgspec.msgpack import encode

from inventory.errors import UnexpectedResponseError
from inventory.json_codec import UNREADABLE, extra_text
from inventory.normalize.anomalies import Anomaly
from inventory.normalize.decoding import decode_fields
from inventory.normalize.fields import Field, coerce, fields_of
from inventory.normalize.keyed_digests import DigestKey
from inventory.normalize.masking import Masker
from inventory.normalize.sections import ADVICE, split_object, usable_id
from inventory.normalize.structs import Boolean, Text, Timestamp


class _GroupFields(Struct):
    group_name: Text = field(name="name", default=None)
    created_at: Timestamp = None


class _DestinationFields(Struct):
    group_id: Text = None
    service: Text = None
    region: Text = None
    time_zone_offset: Text = None
    daylight_saving_time_enabled: Boolean = None
    setup_status: Text = None
    networking_method: Text = None
    private_link_id: Text = None
    proxy_agent_id: Text = None
    hybrid_deployment_agent_id: Text = None


class _UserFields(Struct):
    email: Text = None
    given_name: Text = None
    family_name: Text = None
    role: Text = None
    active: Boolean = None
    logged_in_at: Timestamp = None
    created_at: Timestamp = None


class _ConnectorTypeFields(Struct):
    service_name: Text = field(name="name", default=None)
    type: Text = None
    connector_class: Text = None
    service_status: Text = None
    link_to_docs: Text = None


# A destination always has one: without a value, the item says nothing about it.
_NEVER_BLANK = frozenset(("setup_status",))


class ReferenceList(NamedTuple):
    """A list of the API beside the connectors: its name and path, and how its items become rows.

    The name is also that of its table. The cell of `id_column` is the item's id.
    """

    name: str
    path: str
    id_column: str
    fields: tuple[Field, ...]
    has_extra: bool

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of its rows, in their order."""
        extra = ("extra",) if self.has_extra else ()
        return (self.id_column, *(field.column for field in self.fields), *extra)


REFERENCE_LISTS = {
    each.name: each
    for each in (
        ReferenceList("groups", "/v1/groups", "group_id", fields_of(_GroupFields), True),
        ReferenceList(
            "destinations",
            "/v1/destinations",
            "destination_id",
            fields_of(_DestinationFields),
            True,
        ),
        ReferenceList("users", "/v1/users", "user_id", fields_of(_UserFields), False),
        ReferenceList(
            "connector_types",
            "/v1/metadata/connector-types",
            "service",
            fields_of(_ConnectorTypeFields),
            False,
        ),
    )
}


class ReferenceRows(NamedTuple):
    """The rows of a complete list by their ids, and a digest that equal lists share.

    `unreadable` has the columns, by id, whose stored values stay: their cells are null.
    """

    rows: dict[str, tuple[Any, ...]]
    unreadable: dict[str, list[str]]
    digest: str


def read_list(
    of: ReferenceList,
    items: Iterable[Raw],
    digest_key: DigestKey,
    on_anomaly: Callable[[str, str, str], None],
) -> ReferenceRows:
    """Read a complete list. If it has an id twice, the later item counts.

    Raises UnexpectedResponseError for an item without a usable id.
    """
    read: dict[str, tuple[tuple[Any, ...], list[str]]] = {}
    for raw in items:
        row, unreadable, anomalies = _read_item(of, raw, digest_key)
        read[row[0]] = row, unreadable
        for field_name, reason in anomalies:
            on_anomaly(of.name, field_name, reason)
    in_order = [read[name] for name in sorted(read)]
    return ReferenceRows(
        {name: row for name, (row, _) in read.items()},
        {name: unreadable for name, (_, unreadable) in read.items() if unreadable},
        sha256(encode((of.columns, in_order))).hexdigest()[:32],
    )


def _read_item(
    of: ReferenceList, raw: Raw, digest_key: DigestKey
) -> tuple[tuple[Any, ...], list[str], list[Anomaly]]:
    try:
        fields = split_object(raw)
        name = usable_id(fields.pop("id", None))
    except (*UNREADABLE, UnexpectedResponseError):
        raise UnexpectedResponseError(
            f"{of.path} has an item without a usable id. {ADVICE}"
        ) from None
    if not of.has_extra:
        wanted = {field.name for field in of.fields}
        fields = {name_of: value for name_of, value in fields.items() if name_of in wanted}
    masker = Masker(digest_key, name, fields.values())
    kept_as_text: list[Anomaly] = []
    try:
        values, _ = decode_fields(fields, masker)
    except UNREADABLE:
        values, kept_as_text = decode_fields(fields, masker, lenient=True)
    coerced = coerce(values, of.fields)
    cells = (name, *(coerced.cells[field.column] for field in of.fields))
    extra = (extra_text(coerced.extra),) if of.has_extra else ()
    blank = [name for name in _NEVER_BLANK & coerced.cells.keys() if not coerced.cells[name]]
    unreadable = sorted({*coerced.unreadable, *blank})
    return (*cells, *extra), unreadable, [*coerced.anomalies, *kept_as_text]
