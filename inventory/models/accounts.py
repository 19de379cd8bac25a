"""Accounts: their names, and what a run last read of their lists."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Mapped, MappedColumn

from inventory.models.base import Base, key, own, table_of


def _total(comment: str) -> MappedColumn[Any]:
    """A count that only grows: pruning the history does not change it."""
    return own(comment, added=12, default=0, server_default="0")


class Account(Base):
    """An account that a run has read."""

    __tablename__ = "accounts"
    __table_args__ = ({"comment": "One row per Fivetran account that a run has read"},)

    account_id: Mapped[str] = key("The account's id, or the name that --account gave it")
    account_name: Mapped[str | None] = own(
        "The account's name; null = the API has not been asked for it"
    )
    first_seen_at: Mapped[datetime] = own("observed_at of the first complete run (UTC)")
    list_digests: Mapped[dict[str, Any] | None] = own(
        "Digest of each list of groups, destinations and users as it was last stored: an equal "
        "list is not compared again"
    )
    outages_opened: Mapped[int] = _total(
        "Outages that runs have seen begin; pruning does not lower it"
    )
    outages_closed: Mapped[int] = _total(
        "Outages that runs have seen end; pruning does not lower it"
    )
    requests: Mapped[int] = _total(
        "Requests that runs have sent, retries included; pruning does not lower it"
    )


ACCOUNTS = table_of(Account)
