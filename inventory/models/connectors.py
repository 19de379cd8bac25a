"""Connectors: what somebody has set, and every version of it."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped, relationship

from inventory.column_types import JSON
from inventory.models.base import (
    Base,
    ClosedVersion,
    OpenVersion,
    connector_key,
    extra,
    history_table,
    key,
    own,
    past_rules,
    tracked,
    untracked,
    valid_from_index,
)

if TYPE_CHECKING:
    from inventory.models.alerts import (
        ConnectorWarning,
        ConnectorWarningVersion,
        Task,
        TaskVersion,
    )
    from inventory.models.connector_types import ConnectorType
    from inventory.models.destinations import Destination
    from inventory.models.groups import Group
    from inventory.models.runs import SyncOutcome
    from inventory.models.setup_tests import SetupTest, SetupTestVersion
    from inventory.models.status import ConnectorStatus, ConnectorStatusVersion
    from inventory.models.users import User

Object = dict[str, Any]


class ConnectorColumns:
    """The tracked columns."""

    account_id: Mapped[str] = tracked("The Fivetran account the connector was seen in")
    group_id: Mapped[str | None] = tracked("The group, which is the destination")
    service: Mapped[str | None] = tracked("The connector type, e.g. google_sheets")
    service_version: Mapped[int | None] = tracked("Version of the connector type")
    schema_name: Mapped[str | None] = tracked(
        "The connector's name (`schema` of the API); not unique"
    )
    connected_by: Mapped[str | None] = tracked(
        "User who created it; null = created by a program, or the user no longer exists"
    )
    created_at: Mapped[datetime | None] = tracked("When it was created (UTC)")
    paused: Mapped[bool | None] = tracked("Whether it is paused")
    pause_after_trial: Mapped[bool | None] = tracked("Whether it pauses when its free trial ends")
    sync_frequency: Mapped[int | None] = tracked("Minutes between two syncs")
    daily_sync_time: Mapped[str | None] = tracked(
        "Time of day of the sync (HH:MM), if sync_frequency is 1440"
    )
    schedule_type: Mapped[str | None] = tracked(
        "auto = the vendor's schedule, manual = by API call"
    )
    schedule: Mapped[Object | None] = tracked("The newer kind of schedule, as the API sends it")
    data_delay_threshold: Mapped[int | None] = tracked("Minutes of delay that raise a notification")
    data_delay_sensitivity: Mapped[str | None] = tracked("Sensitivity of the delay notification")
    private_link_id: Mapped[str | None] = tracked("Private link in use")
    proxy_agent_id: Mapped[str | None] = tracked("Proxy agent in use")
    networking_method: Mapped[str | None] = tracked("How the source is reached, e.g. Directly")
    hybrid_deployment_agent_id: Mapped[str | None] = tracked("Hybrid deployment agent in use")
    local_processing_agent_id: Mapped[str | None] = tracked(
        "Older name of the hybrid deployment agent; the API dropped it in 2025"
    )
    config: Mapped[Object | None] = tracked(
        "Settings of the source, secrets masked; null = the API never sent them"
    )
    connect_card_config: Mapped[Object | None] = tracked(
        "Settings of the connect card, without its token; null = the API never sent them"
    )
    extra: Mapped[Object | None] = extra()


class Connector(ConnectorColumns, OpenVersion, Base):
    """A connector as it is now. One that was removed keeps its row, as it was last seen."""

    __tablename__ = "connectors"
    __table_args__ = (
        CheckConstraint("(removed_at is null) = (removed_reason is null)", name="removed"),
        CheckConstraint("removed_reason in ('deleted', 'not_visible')", name="removed_reason"),
        Index("ix_connectors_account_id", "account_id"),
        {"comment": "One row per connector ever seen; a removed one keeps its last version"},
    )

    connector_id: Mapped[str] = key("The connector's id, as the API gives it")
    config_volatile: Mapped[Object | None] = untracked(
        "Keys of config that change without anybody setting them; not tracked"
    )
    source_sync_details: Mapped[Object | None] = untracked(
        "Details of the last sync, if the API sends them; not tracked"
    )
    first_seen_at: Mapped[datetime] = own("observed_at of the first run that saw it (UTC)")
    removed_at: Mapped[datetime | None] = own(
        "observed_at of the run that found it removed (UTC); null = it exists"
    )
    removed_reason: Mapped[str | None] = own(
        "deleted = the API says that it does not exist, not_visible = this API key cannot see it"
    )
    details_at: Mapped[datetime | None] = own(
        "observed_at of the run that last read its details, beyond the list (UTC); null = none did",
        added=11,
    )
    details_fields: Mapped[list[str] | None] = own(
        "Fields of the API that only its details tell: the list does not clear them", JSON, added=11
    )
    tested_at: Mapped[datetime | None] = own(
        "observed_at of the run that last had its setup tests run (UTC); null = none did", added=11
    )

    status: Mapped["ConnectorStatus | None"] = relationship("ConnectorStatus", viewonly=True)
    warnings: Mapped[list["ConnectorWarning"]] = relationship(viewonly=True)
    tasks: Mapped[list["Task"]] = relationship(viewonly=True)
    setup_tests: Mapped[list["SetupTest"]] = relationship(
        viewonly=True, order_by="SetupTest.title, SetupTest.ordinal"
    )
    outcomes: Mapped[list["SyncOutcome"]] = relationship(
        viewonly=True, order_by="SyncOutcome.finished_at"
    )
    # Without foreign keys: a connector is stored whether or not these are known.
    group: Mapped["Group | None"] = relationship(
        "Group", viewonly=True, primaryjoin="foreign(Connector.group_id) == Group.group_id"
    )
    destination: Mapped["Destination | None"] = relationship(
        "Destination",
        viewonly=True,
        primaryjoin="foreign(Connector.group_id) == Destination.destination_id",
    )
    creator: Mapped["User | None"] = relationship(
        "User",
        viewonly=True,
        primaryjoin="and_(foreign(Connector.connected_by) == User.user_id, "
        "foreign(Connector.account_id) == User.account_id)",
    )
    connector_type: Mapped["ConnectorType | None"] = relationship(
        "ConnectorType",
        viewonly=True,
        primaryjoin="foreign(Connector.service) == ConnectorType.service",
    )
    versions: Mapped[list["ConnectorVersion"]] = relationship(
        viewonly=True, order_by="ConnectorVersion.valid_from"
    )
    status_versions: Mapped[list["ConnectorStatusVersion"]] = relationship(
        viewonly=True, order_by="ConnectorStatusVersion.valid_from"
    )
    warning_versions: Mapped[list["ConnectorWarningVersion"]] = relationship(
        viewonly=True, order_by="ConnectorWarningVersion.valid_from"
    )
    task_versions: Mapped[list["TaskVersion"]] = relationship(
        viewonly=True, order_by="TaskVersion.valid_from"
    )
    setup_test_versions: Mapped[list["SetupTestVersion"]] = relationship(
        viewonly=True, order_by="SetupTestVersion.valid_from"
    )

    @property
    def history(self) -> "list[Connector | ConnectorVersion]":
        """All versions in the order of time: the closed ones, and this one unless it was removed.

        The last version of a removed connector is a closed one.
        """
        return [*self.versions, *([self] if self.removed_at is None else [])]


class ConnectorVersion(ConnectorColumns, ClosedVersion, Base):
    """A connector as it was from `valid_from` until `valid_to`."""

    __tablename__ = "connectors_past"
    __table_args__ = (
        *past_rules(__tablename__),
        valid_from_index(__tablename__),
        {"comment": "One row per closed version of a connector"},
    )

    connector_id: Mapped[str] = connector_key()
    connector: Mapped[Connector] = relationship(viewonly=True)


CONNECTORS = history_table(
    "connector_history", Connector, ConnectorVersion, tracked=ConnectorColumns
)
