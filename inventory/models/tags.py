"""Tags: what people say of connectors, such as who owns them. No run writes them."""

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped

from inventory.models.base import Base, key, own, table_of

# From the least to the most specific: of two tags of one name, the more specific one counts.
SCOPES = ("account", "group", "service", "connector")


class Tag(Base):
    """A tag of one connector, or of all connectors of a service, a group or an account."""

    __tablename__ = "tags"
    __table_args__ = (
        CheckConstraint(f"scope in {SCOPES}", name="scope"),
        Index("ix_tags_name", "name"),
        {
            "comment": "One row per tag that people have set. Of tags of one name, that of the "
            "connector counts, then that of its service, its group, its account"
        },
    )

    scope: Mapped[str] = key("What it is set for: account, group, service or connector")
    scope_id: Mapped[str] = key("The id of that: an account_id, group_id, service or connector_id")
    name: Mapped[str] = key(
        "Any name; owner, tier, runbook_url, mute_until and slo_minutes mean something"
    )
    value: Mapped[str] = own("The value; empty = none, which hides a less specific tag", added=12)


TAGS = table_of(Tag)
