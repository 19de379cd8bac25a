"""Warnings and tasks: what the API reports about a connector, and when it was open."""

from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, relationship

from inventory.column_types import INTEGER, JSON
from inventory.models.base import (
    Base,
    ClosedVersion,
    OpenVersion,
    connector_key,
    history_table,
    key,
    past_rules,
    tracked,
    valid_from_index,
)
from inventory.models.connectors import Connector


class AlertKey:
    """Alerts have no id: they are told apart by their content."""

    connector_id: Mapped[str] = connector_key()
    content_hash: Mapped[str] = key("Digest of the alert's content; alerts have no id")
    ordinal: Mapped[int] = key("0, 1, … among equal alerts of one connector", INTEGER)


class AlertColumns:
    """The tracked columns."""

    code: Mapped[str | None] = tracked("Kind of condition; may repeat within one connector")
    message: Mapped[str | None] = tracked("The message, as the API sends it")
    details: Mapped[Any | None] = tracked("Any JSON that the API adds", JSON)
    extra: Mapped[dict[str, Any] | None] = tracked(
        "Fields of the API that have no column, and values that do not fit their column, verbatim"
    )


def _past_rules(table: str) -> tuple[Any, ...]:
    return (
        *past_rules(table),
        valid_from_index(table),
        Index(f"ix_{table}_connector_id_valid_to", "connector_id", "valid_to"),
    )


class ConnectorWarning(AlertKey, AlertColumns, OpenVersion, Base):
    """A warning that is open now."""

    __tablename__ = "warnings"
    __table_args__ = ({"comment": "One row per warning that is open now"},)

    connector: Mapped[Connector] = relationship(viewonly=True)


class ConnectorWarningVersion(AlertKey, AlertColumns, ClosedVersion, Base):
    """A warning that was open from `valid_from` until `valid_to`."""

    __tablename__ = "warnings_past"
    __table_args__ = (
        *_past_rules(__tablename__),
        {"comment": "One row per time that a warning was opened and closed again"},
    )

    connector: Mapped[Connector] = relationship(viewonly=True)


class Task(AlertKey, AlertColumns, OpenVersion, Base):
    """A task that is open now: something that a person must do."""

    __tablename__ = "tasks"
    __table_args__ = ({"comment": "One row per task that is open now: what a person must do"},)

    connector: Mapped[Connector] = relationship(viewonly=True)


class TaskVersion(AlertKey, AlertColumns, ClosedVersion, Base):
    """A task that was open from `valid_from` until `valid_to`."""

    __tablename__ = "tasks_past"
    __table_args__ = (
        *_past_rules(__tablename__),
        {"comment": "One row per time that a task was opened and closed again"},
    )

    connector: Mapped[Connector] = relationship(viewonly=True)


WARNINGS = history_table(
    "warning_history", ConnectorWarning, ConnectorWarningVersion, tracked=AlertColumns
)
TASKS = history_table("task_history", Task, TaskVersion, tracked=AlertColumns)
