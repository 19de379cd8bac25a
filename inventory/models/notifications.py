"""What people have been told, and how the channels work that tell them."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from inventory.column_types import IDENTITY
from inventory.models.base import LAST, Base, partial_index, table_of
from inventory.models.connectors import Connector


class NotificationChannel(Base):
    """A channel of the configuration, as `inventory notify` last knew it. It holds no URL."""

    __tablename__ = "notification_channels"
    __table_args__ = (
        {"comment": "One row per channel that `inventory notify` has known: what it has been told"},
    )

    channel: Mapped[str] = mapped_column(
        primary_key=True, comment="The channel's name in the configuration", sort_order=LAST
    )
    first_used_at: Mapped[datetime] = mapped_column(
        comment="When it was first used (UTC): it is not told what ended before", sort_order=LAST
    )
    told_until: Mapped[datetime | None] = mapped_column(
        comment="observed_at of the last complete run that it has been told of (UTC)",
        sort_order=LAST,
    )
    delivered_at: Mapped[datetime | None] = mapped_column(
        comment="When a message was last delivered (UTC); null = none was", sort_order=LAST
    )
    failing_since: Mapped[datetime | None] = mapped_column(
        comment="The first of the failed attempts since then (UTC); null = it works",
        sort_order=LAST,
    )
    error_message: Mapped[str | None] = mapped_column(
        comment="Why the last attempt failed, without the URL; null = it works", sort_order=LAST
    )


class Notification(Base):
    """What a channel has been told of one outage, of flapping, or of a problem of the data."""

    __tablename__ = "notifications"
    __table_args__ = (
        Index(
            "ix_notifications_channel_kind_connector_id_started_at",
            *("channel", "kind", "connector_id", "started_at"),
            unique=True,
        ),
        Index("ix_notifications_announced_at", "announced_at"),
        partial_index("ix_notifications_open", "over_at is null", "channel"),
        {
            "comment": "One row per channel and outage, flapping connector or problem of the data "
            "that the channel has been told of; of a digest only problems"
        },
    )

    notification_id: Mapped[int] = mapped_column(
        IDENTITY, primary_key=True, comment="Number of the row, counting up", sort_order=LAST
    )
    channel: Mapped[str] = mapped_column(
        comment="The channel's name in the configuration", sort_order=LAST
    )
    kind: Mapped[str] = mapped_column(
        comment="outage, flapping, or the type of a problem of the data, as `inventory check` "
        "names it",
        sort_order=LAST,
    )
    connector_id: Mapped[str | None] = mapped_column(
        ForeignKey("connectors.connector_id"),
        comment="The connector; null = it is about the data of the account",
        sort_order=LAST,
    )
    account_id: Mapped[str | None] = mapped_column(
        comment="The account; null = it is not known", sort_order=LAST
    )
    started_at: Mapped[datetime] = mapped_column(
        comment="When it began (UTC): of an outage, incidents.started_at", sort_order=LAST
    )
    announced_at: Mapped[datetime] = mapped_column(
        comment="When the channel was first told of it (UTC)", sort_order=LAST
    )
    reminded_at: Mapped[datetime | None] = mapped_column(
        comment="When it was last told again (UTC); null = it was not", sort_order=LAST
    )
    over_at: Mapped[datetime | None] = mapped_column(
        comment="When it was told that it is over (UTC); null = it was not", sort_order=LAST
    )
    cause: Mapped[str | None] = mapped_column(
        comment="Of runs that fail: the error that does not pass by itself, as last told; "
        "null = there was none",
        sort_order=LAST,
    )

    connector: Mapped[Connector | None] = relationship(viewonly=True)


NOTIFICATION_CHANNELS = table_of(NotificationChannel)
NOTIFICATIONS = table_of(Notification)
