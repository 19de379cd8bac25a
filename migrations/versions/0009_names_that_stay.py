"""Names that mislead, changed once before the first release: "sync" is the vendor's word here."""

from itertools import product

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

INDEXES = {
    "account_id_observed_at": ["account_id", "observed_at"],
    "api_key_digest_run_id": ["api_key_digest", "run_id"],
}
# Kinds of errors, as the run log names them.
CODES = {
    "try_again": "retryable",
    "host_trouble": "host_error",
    "taken_over": "superseded",
    "settings": "configuration",
    "access_refused": "authentication",
    "schema_mismatch": "schema_version",
    "look_at_it": "needs_attention",
    "payload_unusable": "unexpected_response",
    "bug": "internal_error",
}
ALERTS = ("warnings", "warnings_past", "tasks", "tasks_past")
# What columns hold, by tables and column; without a column, what a row is.
COMMENTS = {
    "connectors": {
        "": "One row per connector ever seen; a removed one keeps its last version",
        "config_volatile": "Keys of config that change without anybody setting them; not tracked",
        "source_sync_details": "Details of the last sync, if the API sends them; not tracked",
        "first_seen_at": "observed_at of the first run that saw it (UTC)",
        "removed_at": "observed_at of the run that found it removed (UTC); null = it exists",
        "removed_reason": "deleted = the API says that it does not exist, not_visible = this API key cannot see it",
    },
    "connectors connectors_past": {
        "connected_by": "User who created it; null = created by a program, or the user no longer exists",
        "daily_sync_time": "Time of day of the sync (HH:MM), if sync_frequency is 1440",
        "schedule": "The newer kind of schedule, as the API sends it",
        "config": "Settings of the source, secrets masked; null = the API never sent them",
        "connect_card_config": "Settings of the connect card, without its token; null = the API never sent them",
        "extra": "Fields of the API that have no column, and values that do not fit their column, verbatim; secrets masked",
    },
    "connectors connectors_past connector_status connector_status_past warnings warnings_past tasks tasks_past setup_tests setup_tests_past": {
        "changed_after": "observed_at of the complete run before that one (UTC): the change happened after it; null = there was none",
    },
    "connectors_past": {
        "": "One row per closed version of a connector",
    },
    "connector_status connector_status_past": {
        "is_historical_sync": "Whether it is syncing its full history",
        "last_sync_failed": "Whether the last sync to end failed: failed_at >= succeeded_at, or it failed and no sync ever succeeded",
        "extra": "Fields of the API's status that have no column, and values that do not fit their column, verbatim",
        "health": "The health in one word, as a run last judged it",
        "health_since": "When that health began (UTC): the run that first saw it, or the deadline that passed",
        "down_since": "When the outage began (UTC): it has been down since, without a break; null = it is not down",
    },
    "connector_status": {
        "digests": "Digests of what the API last sent: an item that matches them is not read again",
        "due_at": "When the next success becomes overdue by its schedule (UTC); not tracked; null = unknown",
    },
    "connector_status_past": {
        "": "One row per closed version of a connector's states and health",
    },
    "warnings warnings_past tasks tasks_past setup_tests setup_tests_past": {
        "message": "The message, as the API sends it",
        "details": "Any JSON that the API adds",
        "extra": "Fields of the API that have no column, and values that do not fit their column, verbatim",
    },
    "warnings_past": {
        "": "One row per time that a warning was opened and closed again",
    },
    "tasks_past": {
        "": "One row per time that a task was opened and closed again",
    },
    "setup_tests": {
        "": "One row per setup test that the API last reported",
    },
    "setup_tests setup_tests_past": {
        "title": "The test's title; empty if the API sent none",
    },
    "setup_tests_past": {
        "": "One row per closed version of a setup test",
    },
    "inventory_runs": {
        "": "One row per attempted run; only succeeded and withheld ones are complete",
        "run_id": "Number of the run, counting up",
        "endpoint": "Which list of the API it read: connectors or connections",
        "connectors_seen": "Connectors that the API listed",
        "duplicates": "Connectors listed again; the later item counts",
        "removed": "Connectors found to be removed",
        "returned": "Removed connectors that exist again",
        "unconfirmed": "Missing connectors whose lookup gave no clear result; left as they were",
        "anomalies": "Values that do not fit their column, and unknown states, in all that the API now lists",
        "walks": "How often the list was read from its first page; 2 = it changed during the first walk",
        "withheld": "Missing connectors that were too many to be removed unasked; left as they were",
        "health_rules": "Digest of the rules that it judged health by; null = it judged none",
        "deadline_at": "When its --deadline is over (UTC); a run that still runs then hangs",
        "clock_behind_seconds": "Seconds that the database's clock was behind the newest timestamp of all runs; 0 = it was not",
        "api_key_digest": "Keyed digest of the API key that it used: equal digests mean the same key",
    },
    "sync_outcomes": {
        "": "One row per sync outcome that a run saw: between two runs, only the last success and the last failure are seen",
    },
    "digest_key": {
        "": "The one secret of this database: no read-only role is granted it, no view shows it",
    },
}


def upgrade() -> None:
    rename_codes(CODES)
    rename_runs("sync_runs", "inventory_runs")
    for table in ALERTS:
        op.alter_column(table, "fingerprint", new_column_name="content_hash")
    op.alter_column("connector_status", "fingerprints", new_column_name="digests")
    rename_not_null(
        ("sync_runs", "inventory_runs"),
        ("fingerprints", "digests"),
        ("fingerprint", "content_hash"),
    )
    say_what_columns_hold()


def downgrade() -> None:
    op.alter_column("connector_status", "digests", new_column_name="fingerprints")
    for table in ALERTS:
        op.alter_column(table, "content_hash", new_column_name="fingerprint")
    rename_runs("inventory_runs", "sync_runs")
    rename_codes({new: old for old, new in CODES.items()})
    rename_not_null(
        ("inventory_runs", "sync_runs"),
        ("digests", "fingerprints"),
        ("content_hash", "fingerprint"),
    )


def say_what_columns_hold() -> None:
    if op.get_bind().dialect.name == "sqlite":
        return  # which keeps no comments
    for tables, comments in COMMENTS.items():
        for table, (column, comment) in product(tables.split(), comments.items()):
            if column:
                op.alter_column(table, column, comment=comment)
            else:
                op.create_table_comment(table, comment)


def rename_codes(codes: dict[str, str]) -> None:
    log = sa.table("sync_runs", sa.column("error_code", sa.Text))
    new = sa.case(codes, value=log.c.error_code)
    op.execute(log.update().where(log.c.error_code.in_(codes)).values(error_code=new))


def rename_runs(old: str, new: str) -> None:
    for name in INDEXES:
        op.drop_index(f"ix_{old}_{name}", old)
    op.rename_table(old, new)
    if op.get_bind().dialect.name == "sqlite":
        rename_constraints_on_sqlite(old, new)
    else:
        op.execute(f"alter sequence {old}_run_id_seq rename to {new}_run_id_seq")
        for name in (f"pk_{old}", f"ck_{old}_status"):
            op.execute(f"alter table {new} rename constraint {name} to {name.replace(old, new)}")
    for name, columns in INDEXES.items():
        op.create_index(f"ix_{new}_{name}", new, columns)


def rename_not_null(*names: tuple[str, str]) -> None:
    """Rename these constraints too, which PostgreSQL names by table and column since 18."""
    if op.get_bind().dialect.name == "sqlite":
        return
    found = op.get_bind().execute(
        sa.text(
            "select c.relname, n.conname from pg_constraint n join pg_class c on c.oid = n.conrelid"
            " join pg_namespace s on s.oid = c.relnamespace and s.nspname = current_schema()"
            " where n.contype = 'n' and n.conname ~ :old"
        ),
        {"old": "|".join(old for old, _ in names)},
    )
    for table, constraint in found.all():
        renamed = constraint
        for old, new in names:
            renamed = renamed.replace(old, new)
        op.execute(f"alter table {table} rename constraint {constraint} to {renamed}")


def rename_constraints_on_sqlite(old: str, new: str) -> None:
    """Copy the table: SQLite renames no constraint. What refers to it has followed its new name."""
    definition = sa.text("select sql from sqlite_master where type = 'table' and name = :name")
    made = str(op.get_bind().execute(definition, {"name": new}).scalar_one())
    copy = made.replace(f'"{new}"', f'"{new}_copy"', 1).replace(f"_{old}", f"_{new}")
    op.get_bind().exec_driver_sql(copy)
    op.execute(f"insert into {new}_copy select * from {new}")
    op.drop_table(new)
    op.rename_table(f"{new}_copy", new)
