"""Setup tests of connectors, and every version of their results."""

from typing import Any

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


class SetupTestKey:
    """Setup tests have no id: they are told apart by their titles."""

    connector_id: Mapped[str] = connector_key()
    title: Mapped[str] = key("The test's title; empty if the API sent none")
    ordinal: Mapped[int] = key("0, 1, … among equal titles of one connector", INTEGER)


class SetupTestColumns:
    """The tracked columns."""

    status: Mapped[str | None] = tracked(
        "PASSED, SKIPPED, WARNING, FAILED, JOB_FAILED, or as the API sends it"
    )
    message: Mapped[str | None] = tracked("The message, as the API sends it")
    details: Mapped[Any | None] = tracked("Any JSON that the API adds", JSON)
    extra: Mapped[dict[str, Any] | None] = tracked(
        "Fields of the API that have no column, and values that do not fit their column, verbatim"
    )


class SetupTest(SetupTestKey, SetupTestColumns, OpenVersion, Base):
    """A setup test with its last result."""

    __tablename__ = "setup_tests"
    __table_args__ = ({"comment": "One row per setup test that the API last reported"},)

    connector: Mapped[Connector] = relationship(viewonly=True)


class SetupTestVersion(SetupTestKey, SetupTestColumns, ClosedVersion, Base):
    """A setup test with its result from `valid_from` until `valid_to`."""

    __tablename__ = "setup_tests_past"
    __table_args__ = (
        *past_rules(__tablename__),
        valid_from_index(__tablename__),
        {"comment": "One row per closed version of a setup test"},
    )

    connector: Mapped[Connector] = relationship(viewonly=True)


SETUP_TESTS = history_table(
    "setup_test_history", SetupTest, SetupTestVersion, tracked=SetupTestColumns
)
