"""How far each target of `inventory export` holds each table."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from inventory.models.base import LAST, Base, table_of


class ExportBookmark(Base):
    """A table in a target, as the last export left it. It moves after the target's commit."""

    __tablename__ = "export_bookmarks"
    __table_args__ = (
        {"comment": "One row per target of `inventory export` and table: how far it is exported"},
    )

    target: Mapped[str] = mapped_column(
        primary_key=True, comment="The folder or the URL that it is exported to", sort_order=LAST
    )
    table_name: Mapped[str] = mapped_column(
        primary_key=True, comment="The table in the target", sort_order=LAST
    )
    edition: Mapped[int] = mapped_column(
        comment="How often closed history has been rewritten, as by `inventory db redate`, since "
        "the first export; the target keeps the edition that it holds",
        default=0,
        server_default="0",
        sort_order=LAST,
    )
    run_id: Mapped[int | None] = mapped_column(
        comment="The last complete run that the target holds; null = none", sort_order=LAST
    )
    observed_at: Mapped[datetime | None] = mapped_column(
        comment="observed_at of that run (UTC); null = none", sort_order=LAST
    )
    settled_until: Mapped[int | None] = mapped_column(
        comment="Up to here rows are in the target for good; what follows is replaced. By the "
        "table: microseconds or days since 1970, or the number of a run; null = none are",
        sort_order=LAST,
    )
    pruned_until: Mapped[int | None] = mapped_column(
        comment="Up to here the target may hold more than the database, which has been pruned; "
        "counted as settled_until; null = it does not",
        sort_order=LAST,
    )
    exported_at: Mapped[datetime | None] = mapped_column(
        comment="When it was last exported (UTC); null = it has not been", sort_order=LAST
    )


EXPORT_BOOKMARKS = table_of(ExportBookmark)
