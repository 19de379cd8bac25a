"""What tables of versions have in common: the life of a version, their key, ways in to them."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from inventory.columns import col, key


class OpenVersion:
    """On the rows of current tables: since when they read as they do."""

    valid_from: Mapped[datetime] = col(
        "When this version began: observed_at of the run that first saw it (UTC)", sort_order=90
    )
    changed_after: Mapped[datetime | None] = col(
        "The last complete run before that one: the change happened after it (UTC); "
        "null = there was none",
        sort_order=91,
    )


class PastVersion:
    """On the rows of past tables: the half-open interval [valid_from, valid_to)."""

    valid_from: Mapped[datetime] = mapped_column(
        primary_key=True,
        sort_order=90,
        comment="When this version began: observed_at of the run that first saw it (UTC)",
    )
    changed_after: Mapped[datetime | None] = col(
        "The last complete run before that one: the change happened after it (UTC); "
        "null = there was none",
        sort_order=91,
    )
    valid_to: Mapped[datetime] = col(
        "When this version ended: observed_at of the run that no longer saw it (UTC)",
        sort_order=92,
    )


def past_rules(table: str) -> tuple[CheckConstraint, Index]:
    """What holds for every past table: no empty version, and a way in by time."""
    return (
        CheckConstraint("valid_from < valid_to", name="not_empty"),
        Index(f"ix_{table}_valid_to", "valid_to"),
    )


def beginnings(table: str) -> Index:
    """A way in by the time at which versions began, where that says more than the one before."""
    return Index(f"ix_{table}_valid_from", "valid_from")


def only_where(name: str, condition: str, *columns: str) -> Index:
    """An index of the few rows that a condition holds for."""
    return Index(name, *columns, sqlite_where=text(condition), postgresql_where=text(condition))


class OfConnector:
    """The key, or its first part, of every table about connectors."""

    connector_id: Mapped[str] = key(
        "The connector's id, as the API gives it", ForeignKey("connectors.connector_id")
    )
