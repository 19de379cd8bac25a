"""Connector types: the names behind `service`, the same for all accounts. No history is kept."""

from datetime import datetime

from sqlalchemy.orm import Mapped

from inventory.models.base import Base, key, own, table_of, untracked


class ConnectorType(Base):
    """A connector type, as the vendor last described it."""

    __tablename__ = "connector_types"
    __table_args__ = (
        {"comment": "One row per connector type that the vendor has ever listed; read once a day"},
    )

    service: Mapped[str] = key("The connector type, e.g. google_sheets")
    service_name: Mapped[str | None] = untracked("The vendor's name of it, e.g. Google Sheets")
    type: Mapped[str | None] = untracked("What it reads, e.g. Database")
    connector_class: Mapped[str | None] = untracked("How the vendor builds it, e.g. standard")
    service_status: Mapped[str | None] = untracked(
        "general_availability, beta, sunset, or as the API sends it"
    )
    link_to_docs: Mapped[str | None] = untracked("The vendor's documentation of it")
    fetched_at: Mapped[datetime] = own("observed_at of the last run whose list had it (UTC)")


CONNECTOR_TYPES = table_of(ConnectorType)
