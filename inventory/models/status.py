"""The states of connectors, the health that a run makes of them, and every version of both."""

from datetime import datetime
from typing import Any

from sqlalchemy import false
from sqlalchemy.orm import Mapped, relationship

from inventory.models.base import (
    Base,
    ClosedVersion,
    OpenVersion,
    connector_key,
    history_table,
    judged,
    partial_index,
    past_rules,
    tracked,
    untracked,
)
from inventory.models.connectors import Connector


class StatusColumns:
    """The tracked columns."""

    setup_state: Mapped[str | None] = tracked(
        "incomplete, connected, broken, or as the API sends it"
    )
    sync_state: Mapped[str | None] = tracked(
        "scheduled, syncing, paused, rescheduled, or as the API sends it"
    )
    update_state: Mapped[str | None] = tracked("on_schedule, delayed, or as the API sends it")
    schema_status: Mapped[str | None] = tracked("ready, blocked_on_capture, or as the API sends it")
    is_historical_sync: Mapped[bool | None] = tracked("Whether it is syncing its full history")
    last_sync_failed: Mapped[bool] = tracked(
        "Whether the last sync to end failed: failed_at >= succeeded_at, or it failed and no sync "
        "ever succeeded"
    )
    extra: Mapped[dict[str, Any] | None] = tracked(
        "Fields of the API's status that have no column, and values that do not fit their column, "
        "verbatim"
    )


class JudgedColumns:
    """What a run makes of the facts; see `inventory.health`.

    A row is written before it is judged, in one transaction; until then its health is unknown.
    """

    health: Mapped[str] = judged(
        "The health in one word, as a run last judged it", added=6, server_default="unknown"
    )
    is_down: Mapped[bool] = judged(
        "Whether that health counts as down", added=6, server_default=false()
    )
    health_since: Mapped[datetime | None] = judged(
        "When that health began (UTC): the run that first saw it, or the deadline that passed",
        added=6,
    )
    down_since: Mapped[datetime | None] = judged(
        "When the outage began (UTC): it has been down since, without a break; "
        "null = it is not down",
        added=6,
    )


class ConnectorStatus(StatusColumns, JudgedColumns, OpenVersion, Base):
    """The states and the health of a connector that exists, as the last run saw them."""

    __tablename__ = "connector_status"
    __table_args__ = (
        {
            "comment": "One row per connector that exists: its states, its health, the times of "
            "its syncs"
        },
    )

    connector_id: Mapped[str] = connector_key()
    succeeded_at: Mapped[datetime | None] = untracked(
        "End of the last successful sync (UTC); not tracked, see sync_outcomes"
    )
    failed_at: Mapped[datetime | None] = untracked(
        "End of the last failed sync (UTC), not cleared by a success; not tracked"
    )
    rescheduled_for: Mapped[datetime | None] = untracked(
        "When a rescheduled sync is due (UTC); not tracked"
    )
    digests: Mapped[bytes] = untracked(
        "Digests of what the API last sent: an item that matches them is not read again"
    )
    due_at: Mapped[datetime | None] = untracked(
        "When the next success becomes overdue by its schedule (UTC); not tracked; null = unknown",
        added=6,
    )
    slo_minutes: Mapped[int | None] = untracked(
        "Minutes after a success in which the next one is due, by the tag slo_minutes, which "
        "due_at follows; null = it follows the schedule",
        added=12,
    )

    connector: Mapped[Connector] = relationship(viewonly=True)
    versions: Mapped[list["ConnectorStatusVersion"]] = relationship(
        viewonly=True,
        primaryjoin="ConnectorStatus.connector_id == foreign(ConnectorStatusVersion.connector_id)",
        order_by="ConnectorStatusVersion.valid_from",
    )

    @property
    def history(self) -> "list[ConnectorStatus | ConnectorStatusVersion]":
        """All versions in the order of time; the last one is this one."""
        return [*self.versions, self]


class ConnectorStatusVersion(StatusColumns, JudgedColumns, ClosedVersion, Base):
    """The states and the health of a connector from `valid_from` until `valid_to`."""

    __tablename__ = "connector_status_past"
    __table_args__ = (
        *past_rules(__tablename__),
        # It covers all that outages are made of: the rows themselves lie far apart.
        partial_index(
            "ix_connector_status_past_down", "is_down", "valid_to", "connector_id", "down_since"
        ),
        {"comment": "One row per closed version of a connector's states and health"},
    )

    connector_id: Mapped[str] = connector_key()
    rescheduled_for: Mapped[datetime | None] = untracked(
        "When a rescheduled sync was due, as last seen in this version (UTC)", added=3
    )

    connector: Mapped[Connector] = relationship(viewonly=True)


CONNECTOR_STATUS = history_table(
    "connector_status_history",
    ConnectorStatus,
    ConnectorStatusVersion,
    tracked=StatusColumns,
    judged=JudgedColumns,
)
