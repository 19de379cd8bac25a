"""The fields of the API that have a column: one line each. Pure.

This is the only list of them. An attribute is named as its column; where the API uses another
name, `field(name=...)` gives it. The annotation says how a value is converted, and for a state
which values are known. An item of the usual types is decoded to these structs at once
(`struct_decoder`), any other field by field (`fields`), with the same result.

The vendor's reference: https://fivetran.com/docs/rest-api
"""

from typing import Annotated, Any, TypeAlias

from msgspec import Meta, Struct, field

from inventory.normalize.coercions import (
    MAX_INTEGER,
    MAX_TITLE,
    MIN_INTEGER,
    as_boolean,
    as_integer,
    as_json,
    as_object,
    as_text,
    as_timestamp,
    as_title,
)

KnownStates = frozenset[str]
OPTIONAL = object()  # absent or null keeps what is stored, and is not a change to null

Text: TypeAlias = Annotated[str | None, as_text]
Title: TypeAlias = Annotated[Annotated[str, Meta(max_length=MAX_TITLE)] | None, as_title]
Integer: TypeAlias = Annotated[
    Annotated[int, Meta(ge=MIN_INTEGER, le=MAX_INTEGER)] | None, as_integer
]
Boolean: TypeAlias = Annotated[bool | None, as_boolean]
Timestamp: TypeAlias = Annotated[str | None, as_timestamp]
Object: TypeAlias = Annotated[dict[str, Any] | None, as_object]
OptionalObject: TypeAlias = Annotated[dict[str, Any] | None, as_object, OPTIONAL]
Json: TypeAlias = Annotated[Any, as_json]


def known(*states: str) -> KnownStates:
    """List the states that the API documents, in lower case.

    The list is open: any other state is stored as well, and counted as an anomaly. States are
    stored as sent, and compared in lower case.
    """
    return frozenset(states)


class ConnectorFields(Struct):
    """An item of the list, without its status, its lists, its sync times and its connect card."""

    schema_name: Text = field(name="schema", default=None)
    group_id: Text = None
    service: Text = None
    connected_by: Text = None
    daily_sync_time: Text = None
    schedule_type: Annotated[Text, known("auto", "manual")] = None
    data_delay_sensitivity: Text = None
    private_link_id: Text = None
    proxy_agent_id: Text = None
    networking_method: Text = None
    hybrid_deployment_agent_id: Text = None
    local_processing_agent_id: Text = None
    service_version: Integer = None
    sync_frequency: Integer = None
    data_delay_threshold: Integer = None
    paused: Boolean = None
    pause_after_trial: Boolean = None
    created_at: Timestamp = None
    schedule: Object = None
    config: OptionalObject = None
    connect_card_config: OptionalObject = None
    source_sync_details: OptionalObject = None


class StatusFields(Struct):
    """The object `status` of an item, without its lists of warnings and tasks."""

    setup_state: Annotated[Text, known("incomplete", "connected", "broken")] = None
    sync_state: Annotated[Text, known("scheduled", "syncing", "paused", "rescheduled")] = None
    update_state: Annotated[Text, known("on_schedule", "delayed")] = None
    schema_status: Annotated[Text, known("ready", "blocked_on_capture")] = None
    is_historical_sync: Boolean = None
    rescheduled_for: Timestamp = None


class SyncTimeFields(Struct):
    """The times of an item's last syncs.

    They stand beside the status in the API. As they change with every sync, they are stored with
    the status, in the table of narrow rows.
    """

    succeeded_at: Timestamp = None
    failed_at: Timestamp = None


class AlertFields(Struct, forbid_unknown_fields=True):
    """An element of `warnings` or `tasks`."""

    code: Text = None
    message: Text = None
    details: Json = None


class SetupTestFields(Struct, forbid_unknown_fields=True):
    """An element of `setup_tests`."""

    title: Title = None
    status: Annotated[Text, known("passed", "skipped", "warning", "failed", "job_failed")] = None
    message: Text = None
    details: Json = None
