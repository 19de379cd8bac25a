"""An export by a release of which the tables had one column less, then by this one."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from inventory.export import run
from inventory.export.tables import ExportedTable, exported_tables

TABLE, LATER_COLUMN = "incidents", "tier"


def export_by_two_releases(engine: Engine, folder: Path, output_format: str) -> None:
    """Some files are then old, and some superseded."""
    with pytest.MonkeyPatch.context() as older:
        older.setattr(run, "exported_tables", _older_tables)
        run.export(engine, str(folder), output_format=output_format)
    run.export(engine, str(folder), output_format=output_format)


def _older_tables() -> tuple[ExportedTable, ...]:
    return tuple(_narrow(each) if each.name == TABLE else each for each in exported_tables())


def _narrow(table: ExportedTable) -> ExportedTable:
    def narrow(rows: Any) -> Any:
        kept = (each for each in rows.selected_columns if each.key != LATER_COLUMN)
        return rows.with_only_columns(*kept)

    return table._replace(
        columns={name: each for name, each in table.columns.items() if name != LATER_COLUMN},
        settled=lambda *of: map(narrow, table.settled(*of)),
        current=lambda *of: narrow(table.current(*of)),
    )
