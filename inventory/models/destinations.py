"""Destinations: what groups load into, and every version of it."""

from typing import Any

from sqlalchemy.orm import Mapped, relationship

from inventory.models.base import (
    Base,
    ClosedVersion,
    ListEntry,
    extra,
    history_table,
    key,
    past_rules,
    tracked,
)
from inventory.models.groups import Group


class DestinationColumns:
    """The tracked columns."""

    account_id: Mapped[str] = tracked("The Fivetran account the destination was seen in")
    group_id: Mapped[str | None] = tracked(
        "The group that loads into it; the API gives both one id"
    )
    service: Mapped[str | None] = tracked("The kind of warehouse, e.g. snowflake")
    region: Mapped[str | None] = tracked("Where the vendor processes its data")
    time_zone_offset: Mapped[str | None] = tracked(
        "Hours from UTC as the API writes them, e.g. -5; daily syncs follow it"
    )
    daylight_saving_time_enabled: Mapped[bool | None] = tracked(
        "Whether an hour is added during daylight saving time"
    )
    setup_status: Mapped[str | None] = tracked(
        "connected, incomplete, broken, or as the API sends it"
    )
    networking_method: Mapped[str | None] = tracked("How it is reached, e.g. Directly")
    private_link_id: Mapped[str | None] = tracked("Private link in use")
    proxy_agent_id: Mapped[str | None] = tracked("Proxy agent in use")
    hybrid_deployment_agent_id: Mapped[str | None] = tracked("Hybrid deployment agent in use")
    extra: Mapped[dict[str, Any] | None] = extra()


class Destination(DestinationColumns, ListEntry, Base):
    """A destination as it is now. One that was removed keeps its row, as it was last seen."""

    __tablename__ = "destinations"
    __table_args__ = (
        {"comment": "One row per destination ever listed; a removed one keeps its last version"},
    )

    destination_id: Mapped[str] = key("The destination's id, as the API gives it")

    group: Mapped[Group | None] = relationship(
        viewonly=True, primaryjoin="foreign(Destination.group_id) == Group.group_id"
    )
    versions: Mapped[list["DestinationVersion"]] = relationship(
        viewonly=True,
        primaryjoin="Destination.destination_id == foreign(DestinationVersion.destination_id)",
        order_by="DestinationVersion.valid_from",
    )


class DestinationVersion(DestinationColumns, ClosedVersion, Base):
    """A destination as it was from `valid_from` until `valid_to`."""

    __tablename__ = "destinations_past"
    __table_args__ = (
        *past_rules(__tablename__),
        {"comment": "One row per closed version of a destination"},
    )

    destination_id: Mapped[str] = key("The destination's id, as the API gives it")


DESTINATIONS = history_table(
    "destination_history", Destination, DestinationVersion, tracked=DestinationColumns
)
