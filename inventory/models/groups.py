"""Groups: the names behind `group_id`, and every version of them."""

from datetime import datetime
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


class GroupColumns:
    """The tracked columns."""

    account_id: Mapped[str] = tracked("The Fivetran account the group was seen in")
    group_name: Mapped[str | None] = tracked("The group's name")
    created_at: Mapped[datetime | None] = tracked("When it was created (UTC)")
    extra: Mapped[dict[str, Any] | None] = extra()


class Group(GroupColumns, ListEntry, Base):
    """A group as it is now. One that was removed keeps its row, as it was last seen."""

    __tablename__ = "groups"
    __table_args__ = (
        {"comment": "One row per group ever listed; a removed one keeps its last version"},
    )

    group_id: Mapped[str] = key("The group's id, as the API gives it")

    versions: Mapped[list["GroupVersion"]] = relationship(
        viewonly=True,
        primaryjoin="Group.group_id == foreign(GroupVersion.group_id)",
        order_by="GroupVersion.valid_from",
    )


class GroupVersion(GroupColumns, ClosedVersion, Base):
    """A group as it was from `valid_from` until `valid_to`."""

    __tablename__ = "groups_past"
    __table_args__ = (
        *past_rules(__tablename__),
        {"comment": "One row per closed version of a group"},
    )

    group_id: Mapped[str] = key("The group's id, as the API gives it")


GROUPS = history_table("group_history", Group, GroupVersion, tracked=GroupColumns)
