"""The names of tables, views and columns, which are a promise: see inventory/docs/schema.md."""

from inventory.db.views import FUNCTIONS, VIEWS
from inventory.models import METADATA

TABLES = {
    "accounts": """
        account_id account_name first_seen_at list_digests outages_closed outages_opened
        requests
    """,
    "connector_status": """
        changed_after connector_id digests down_since due_at extra failed_at health
        health_since is_down is_historical_sync last_sync_failed rescheduled_for
        schema_status setup_state slo_minutes succeeded_at sync_state update_state valid_from
    """,
    "connector_status_past": """
        changed_after connector_id down_since extra health health_since is_down
        is_historical_sync last_sync_failed rescheduled_for schema_status setup_state
        sync_state update_state valid_from valid_to
    """,
    "connector_types": """
        connector_class fetched_at link_to_docs service service_name service_status type
    """,
    "connectors": """
        account_id changed_after config config_volatile connect_card_config connected_by
        connector_id created_at daily_sync_time data_delay_sensitivity
        data_delay_threshold details_at details_fields extra first_seen_at group_id
        hybrid_deployment_agent_id local_processing_agent_id networking_method
        pause_after_trial paused private_link_id proxy_agent_id removed_at removed_reason
        schedule schedule_type schema_name service service_version source_sync_details
        sync_frequency tested_at valid_from
    """,
    "connectors_past": """
        account_id changed_after config connect_card_config connected_by connector_id
        created_at daily_sync_time data_delay_sensitivity data_delay_threshold extra
        group_id hybrid_deployment_agent_id local_processing_agent_id networking_method
        pause_after_trial paused private_link_id proxy_agent_id schedule schedule_type
        schema_name service service_version sync_frequency valid_from valid_to
    """,
    "destinations": """
        account_id changed_after daylight_saving_time_enabled destination_id extra
        first_seen_at group_id hybrid_deployment_agent_id networking_method
        private_link_id proxy_agent_id region removed_at service setup_status
        time_zone_offset valid_from
    """,
    "destinations_past": """
        account_id changed_after daylight_saving_time_enabled destination_id extra
        group_id hybrid_deployment_agent_id networking_method private_link_id
        proxy_agent_id region service setup_status time_zone_offset valid_from valid_to
    """,
    "digest_key": """
        id secret
    """,
    "export_bookmarks": """
        edition exported_at observed_at pruned_until run_id settled_until table_name target
    """,
    "groups": """
        account_id changed_after created_at extra first_seen_at group_id group_name
        removed_at valid_from
    """,
    "groups_past": """
        account_id changed_after created_at extra group_id group_name valid_from valid_to
    """,
    "inventory_runs": """
        account_id added anomalies api_key_digest changed clock_behind_seconds
        connectors_seen deadline_at details_failed details_read duplicates endpoint
        error_code error_message finished_at health_rules observed_at pages
        rate_limit_remaining removed requests retries returned run_id skipped started_at
        status tested tests_failed tool_version unconfirmed walks withheld
    """,
    "notification_channels": """
        channel delivered_at error_message failing_since first_used_at told_until
    """,
    "notifications": """
        account_id announced_at cause channel connector_id kind notification_id over_at
        reminded_at started_at
    """,
    "setup_tests": """
        changed_after connector_id details extra message ordinal status title valid_from
    """,
    "setup_tests_past": """
        changed_after connector_id details extra message ordinal status title valid_from
        valid_to
    """,
    "sync_outcomes": """
        connector_id finished_at outcome run_id
    """,
    "tags": """
        name scope scope_id value
    """,
    "tasks": """
        changed_after code connector_id content_hash details extra message ordinal
        valid_from
    """,
    "tasks_past": """
        changed_after code connector_id content_hash details extra message ordinal
        valid_from valid_to
    """,
    "users": """
        account_id active created_at email family_name first_seen_at given_name
        logged_in_at removed_at role user_id
    """,
    "warnings": """
        changed_after code connector_id content_hash details extra message ordinal
        valid_from
    """,
    "warnings_past": """
        changed_after code connector_id content_hash details extra message ordinal
        valid_from valid_to
    """,
}
VIEWS_AND_FUNCTIONS = {
    "availability_30d": """
        account_id availability connector_id coverage down_minutes group_id group_name
        minutes observed_minutes schema_name service service_name up_minutes
    """,
    "clock": """
        now
    """,
    "connector_health": """
        account_id connected_by connector_id created_at creator destination_service
        down_since failed_at failing_setup_tests first_seen_at freshness_deadline group_id
        group_name health health_since is_down is_historical_sync last_sync_failed
        link_to_docs minutes_late observed_at observed_health open_tasks open_warnings
        owner paused reason removed_at rescheduled_for schedule_type schema_name
        schema_status service service_name setup_state severity succeeded_at
        sync_frequency sync_state tier update_state
    """,
    "connector_health_at": """
        account_id connector_id down_since failed_at group_id group_name health health_since
        is_down is_historical_sync last_sync_failed open_tasks open_warnings paused schedule_type
        schema_name schema_status service service_name setup_state severity succeeded_at
        sync_frequency sync_state update_state
    """,
    "connector_history": """
        account_id changed_after config connect_card_config connected_by connector_id
        created_at daily_sync_time data_delay_sensitivity data_delay_threshold extra
        group_id hybrid_deployment_agent_id local_processing_agent_id networking_method
        pause_after_trial paused private_link_id proxy_agent_id schedule schedule_type
        schema_name service service_version sync_frequency valid_from valid_to
    """,
    "connector_history_mode": """
        _fivetran_active _fivetran_end _fivetran_start account_id config
        connect_card_config connected_by connector_id created_at daily_sync_time
        data_delay_sensitivity data_delay_threshold extra group_id
        hybrid_deployment_agent_id local_processing_agent_id networking_method
        pause_after_trial paused private_link_id proxy_agent_id schedule schedule_type
        schema_name service service_version sync_frequency
    """,
    "connector_status_at": """
        changed_after connector_id down_since extra failed_at health health_since is_down
        is_historical_sync last_sync_failed rescheduled_for schema_status setup_state
        succeeded_at sync_state update_state valid_from valid_to
    """,
    "connector_status_history": """
        changed_after connector_id down_since extra health health_since is_down
        is_historical_sync last_sync_failed rescheduled_for schema_status setup_state
        sync_state update_state valid_from valid_to
    """,
    "connectors_at": """
        account_id changed_after config connect_card_config connected_by connector_id
        created_at daily_sync_time data_delay_sensitivity data_delay_threshold extra
        group_id hybrid_deployment_agent_id local_processing_agent_id networking_method
        pause_after_trial paused private_link_id proxy_agent_id schedule schedule_type
        schema_name service service_version sync_frequency valid_from valid_to
    """,
    "connector_tags": """
        account_id connector_id group_id name schema_name scope scope_id service value
    """,
    "destination_health": """
        account_id connectors destination_broken destination_id down_now group_id
        group_name is_broken region service setup_status setup_status_since
    """,
    "destination_history": """
        account_id changed_after daylight_saving_time_enabled destination_id extra
        group_id hybrid_deployment_agent_id networking_method private_link_id
        proxy_agent_id region service setup_status time_zone_offset valid_from valid_to
    """,
    "findings": """
        account_id connector_id detail finding group_id group_name owner schema_name
        service service_name since tier
    """,
    "fivetran_platform__connection_status": """
        connection_health connection_id connection_name connection_type destination_id
        destination_name last_successful_sync_completed_at last_sync_completed_at
        last_sync_started_at number_errors_since_last_completed_sync
        number_of_schema_changes_last_month number_warnings_since_last_completed_sync
        set_up_at
    """,
    "flapping": """
        account_id connector_id flips group_id group_name is_down last_flip_at schema_name
        service service_name
    """,
    "group_history": """
        account_id changed_after created_at extra group_id group_name valid_from valid_to
    """,
    "incidents": """
        account_id closed_by connector_id ended_after ended_at group_id group_name minutes
        owner path schema_name service service_name started_after started_at tier
    """,
    "latest_run": """
        account_id age_minutes connectors_seen failed_attempts is_in_future is_overdue
        last_attempt_at last_attempt_error last_attempt_status observed_at pages run_id
        seen_at status typical_interval_minutes unconfirmed withheld withheld_since
    """,
    "service_reliability": """
        connectors down_now group_id group_name incidents mtbf_minutes mttr_minutes
        recovered scope service service_name
    """,
    "setup_test_history": """
        changed_after connector_id details extra message ordinal status title valid_from
        valid_to
    """,
    "state_changes": """
        account_id changed_after changed_at connector_id field group_id group_name kind
        new_value old_value schema_name service service_name table_name
    """,
    "sync_outcomes_daily": """
        account_id connector_id day failed group_id group_name schema_name service
        service_name succeeded
    """,
    "task_history": """
        changed_after code connector_id content_hash details extra message ordinal
        valid_from valid_to
    """,
    "warning_history": """
        changed_after code connector_id content_hash details extra message ordinal
        valid_from valid_to
    """,
}


def named(promised: dict[str, str]) -> dict[str, set[str]]:
    return {name: set(columns.split()) for name, columns in promised.items()}


def test_tables_and_their_columns_keep_their_names() -> None:
    assert {name: set(table.c.keys()) for name, table in METADATA.tables.items()} == named(TABLES)


def test_views_and_functions_and_their_columns_keep_their_names() -> None:
    found = {name: set(view.columns) for name, view in (VIEWS | FUNCTIONS).items()}
    assert found == named(VIEWS_AND_FUNCTIONS)
