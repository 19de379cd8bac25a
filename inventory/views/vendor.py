"""The names that other people's dashboards ask for."""

from inventory.dialects import Dialect
from inventory.models import CONNECTORS
from inventory.views.view import NUMBER, TEXT, TIME, YES_NO, Named, View, of_table


def _history_mode(sql: Dialect) -> str:
    """Grain: one row per version of a connector."""
    tracked = ", ".join(CONNECTORS.tracked)
    return f"""
select connector_id, valid_from as _fivetran_start,
  case when valid_to is null then {sql.end_of_time} else {sql.just_before("valid_to")} end
    as _fivetran_end,
  valid_to is null as _fivetran_active,
  {tracked}
from connector_history"""


CONNECTOR_HISTORY_MODE = View(
    "connector_history_mode",
    "One row per version of a connector, in the columns of the vendor's history mode",
    of_table("connector_id")
    | {
        "_fivetran_start": Named(TIME, "When the version began (UTC)"),
        "_fivetran_end": Named(
            TIME, "The last microsecond of the version (UTC); the year 9999 where it is so now"
        ),
        "_fivetran_active": Named(YES_NO, "Whether it is so now"),
    }
    | of_table(*CONNECTORS.tracked),
    _history_mode,
)

# The values of the dbt package; what it has no word for is connected, as it would say.
_TRANSLATED = {
    "deleted": "deleted",
    "not_visible": "deleted",
    "paused": "paused",
    "incomplete": "incomplete",
    "never_synced": "incomplete",
    "initial_sync": "initial sync in progress",
    "broken": "broken",
    "failing": "broken",
}


def _connection_status(sql: Dialect) -> str:
    """Grain: one row per connector ever seen."""
    arms = "".join(f"\n    when '{ours}' then '{theirs}'" for ours, theirs in _TRANSLATED.items())
    unknown = "cast(null as {})".format
    return f"""
select connector_id as connection_id, schema_name as connection_name,
  service as connection_type, group_id as destination_id,
  {unknown("text")} as destination_name,
  case health {arms}
    else 'connected' end as connection_health,
  succeeded_at as last_successful_sync_completed_at,
  {unknown(sql.timestamp)} as last_sync_started_at,
  {sql.latest("succeeded_at", "failed_at")} as last_sync_completed_at,
  created_at as set_up_at,
  {unknown("integer")} as number_of_schema_changes_last_month,
  open_tasks + failing_setup_tests as number_errors_since_last_completed_sync,
  open_warnings as number_warnings_since_last_completed_sync
from connector_health"""


CONNECTION_STATUS = View(
    "fivetran_platform__connection_status",
    "One row per connector ever seen, in the columns of the dbt package's model of this name",
    {
        "connection_id": Named(TEXT, "connector_id"),
        "connection_name": Named(TEXT, "schema_name"),
        "connection_type": Named(TEXT, "service"),
        "destination_id": Named(TEXT, "group_id"),
        "destination_name": Named(TEXT, "Null: the list of connectors does not tell"),
        "connection_health": Named(
            TEXT, "deleted, paused, incomplete, initial sync in progress, broken or connected"
        ),
        "last_successful_sync_completed_at": Named(TIME, "succeeded_at (UTC)"),
        "last_sync_started_at": Named(TIME, "Null: the list of connectors does not tell"),
        "last_sync_completed_at": Named(TIME, "The later of succeeded_at and failed_at (UTC)"),
        "set_up_at": Named(TIME, "created_at (UTC)"),
        "number_of_schema_changes_last_month": Named(
            NUMBER, "Null: the list of connectors does not tell"
        ),
        "number_errors_since_last_completed_sync": Named(
            NUMBER, "Open tasks and failing setup tests"
        ),
        "number_warnings_since_last_completed_sync": Named(NUMBER, "Open warnings"),
    },
    _connection_status,
)
