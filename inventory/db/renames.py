"""Names of tables, views and columns that revision 0009 changed.

Grants of others on the old names move to the new ones, and views of others that use an old name
are reported with the new one.
"""

import re

from inventory.db import views

# The revision that renamed them.
REVISION = "0009"

VIEWS = {"attention": "findings"}
# Columns of views, by the old name of the view.
COLUMNS = {
    "availability_30d": {"observed_share": "coverage"},
    "latest_run": {
        "usual_minutes": "typical_interval_minutes",
        "is_late": "is_overdue",
        "attempts_since": "failed_attempts",
    },
    "service_reliability": {"repaired": "recovered"},
    "task_history": {"fingerprint": "content_hash"},
    "warning_history": {"fingerprint": "content_hash"},
}
_TABLES = {"sync_runs": "inventory_runs"}
_TABLE_COLUMNS = {"fingerprints": "digests"}


def old_views(revision: str | None) -> list[str]:
    """Return the views of a revision that have another name at HEAD."""
    return list(VIEWS) if _is_affected(revision) else []


def new_names(revision: str | None) -> set[str]:
    """Return the tables and views that get a new name on an upgrade from this revision."""
    return {*VIEWS.values(), *_TABLES.values()} if _is_affected(revision) else set()


def _is_affected(revision: str | None) -> bool:
    # Before, there were only the views of history.
    return revision is not None and views.ONLY_HISTORIES[-1] < revision < REVISION


def advice(definition: str) -> str:
    """Say which names to write instead of the old ones in the definition of a view."""
    words = set(re.findall(r"\w+", definition))
    renamed = VIEWS | _TABLES | _TABLE_COLUMNS
    for columns in COLUMNS.values():
        renamed = renamed | columns
    return ", ".join(
        f"write {new} instead of {old}" for old, new in renamed.items() if old in words
    )
