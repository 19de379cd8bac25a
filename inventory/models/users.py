"""Users: the people behind `connected_by`. No history is kept of people."""

from datetime import datetime

from sqlalchemy.orm import Mapped

from inventory.models.base import Base, key, own, table_of, untracked


class User(Base):
    """A user of an account, as the last run saw them."""

    __tablename__ = "users"
    __table_args__ = (
        {
            "comment": "One row per user and account; without phone and picture, which are never "
            "stored. `inventory sync --no-users` reads none"
        },
    )

    account_id: Mapped[str] = key("The Fivetran account the user was seen in")
    user_id: Mapped[str] = key("The user's id, as the API gives it")
    email: Mapped[str | None] = untracked("E-mail address")
    given_name: Mapped[str | None] = untracked("Given name")
    family_name: Mapped[str | None] = untracked("Family name")
    role: Mapped[str | None] = untracked("Role in the account")
    active: Mapped[bool | None] = untracked("Whether the user is active")
    logged_in_at: Mapped[datetime | None] = untracked("Last login (UTC)")
    created_at: Mapped[datetime | None] = untracked("When the user was created (UTC)")
    first_seen_at: Mapped[datetime] = own("observed_at of the first run that saw the user (UTC)")
    removed_at: Mapped[datetime | None] = own(
        "observed_at of the run whose list no longer had the user (UTC); null = still listed"
    )


USERS = table_of(User)
