"""Parquet files, and the manifest that says which of them make up the tables.

The manifest is written last. Until then a reader who follows it sees what was there before; what it
no longer names is deleted an hour later, so that such a reader can end.
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from inventory.errors import ConfigurationError, NeedsAttentionError
from inventory.export.part_files import PartFile, is_part
from inventory.export.storage import Storage
from inventory.export.tables import exported_tables
from inventory.export.target import (
    Progress,
    TableChange,
    TableState,
    check_database,
    check_types,
    overtaken,
)

MANIFEST = "_manifest.json"
DELTA_LOG = "_delta_log"
_LAYOUT = 1
_KEPT = timedelta(hours=1)


class ParquetTarget:
    """All tables of a folder. One manifest commits all of them."""

    commits_all = True
    path_columns: tuple[str, ...] = ()
    has_json_type = True

    def __init__(self, storage: Storage, database_id: str, now: datetime) -> None:
        self._storage, self._database_id, self._now = storage, database_id, now
        self._content = storage.read(MANIFEST)
        self._manifest = self._parse(self._content)

    def _parse(self, content: bytes | None) -> dict[str, Any]:
        if content is None:
            self._refuse_delta()
            return {"tables": {}, "superseded": []}
        try:
            manifest: dict[str, Any] = json.loads(content)
            layout, database_id = manifest["layout"], manifest["database_id"]
            if layout == _LAYOUT:
                _check_shape(manifest)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise NeedsAttentionError(
                f"{self._storage.url}/{MANIFEST} is not a manifest of this tool. Restore it, or "
                "export to another URL."
            ) from error
        if layout != _LAYOUT:
            raise ConfigurationError(
                f"{self._storage.url} was exported by another release, with the layout {layout}. "
                "Use that release, or another URL."
            )
        check_database(self._storage, self._database_id, database_id)
        return manifest

    def _refuse_delta(self) -> None:
        logs = (f"{table.name}/{DELTA_LOG}" for table in exported_tables())
        if self._storage.folders(logs):
            raise ConfigurationError(
                f"{self._storage.url} holds an export in Delta. Pass another URL for Parquet, or "
                "--format delta."
            )

    def state(self, table: str) -> TableState | None:
        known = self._manifest["tables"].get(table)
        return None if known is None else _state(known)

    def commit(self, changes: Sequence[TableChange]) -> None:
        manifest: dict[str, Any] = {
            "layout": _LAYOUT,
            "database_id": self._database_id,
            "exported_at": self._now.isoformat(),
            "tables": dict(self._manifest["tables"]),
        }
        superseded = [each for each in self._manifest["superseded"] if self._is_kept(each)]
        for change in changes:
            name = change.table.name
            manifest["tables"][name] = self._entry(change)
            superseded += (
                {"path": each.path, "at": self._now.isoformat()} for each in change.removed
            )
        manifest["superseded"] = superseded
        self._require_unchanged()
        content = json.dumps(manifest, indent=1).encode()
        self._storage.replace(MANIFEST, content)
        self._content, self._manifest = content, manifest
        self._clean()

    def _require_unchanged(self) -> None:
        if self._storage.read(MANIFEST) != self._content:
            raise overtaken(self._storage)

    def _entry(self, change: TableChange) -> dict[str, Any]:
        before = self._manifest["tables"].get(change.table.name, {"files": [], "columns": []})
        types = {each["name"]: each["type"] for each in before["columns"]}
        columns = [
            {
                "name": field.name,
                "type": str(field.type),
                "comment": change.table.columns[field.name].comment,
            }
            for field in change.schema
        ]
        now = {each["name"]: each["type"] for each in columns}
        check_types(self._storage, change.table.name, types, now)
        columns += (each for each in before["columns"] if each["name"] not in now)
        removed = {each.path for each in change.removed}
        files = [each for each in before["files"] if each["path"] not in removed]
        return {
            "comment": change.table.comment,
            **change.progress._asdict(),
            "columns": columns,
            "files": files + [each._asdict() for each in change.added],
        }

    def _is_kept(self, superseded: dict[str, str]) -> bool:
        return datetime.fromisoformat(superseded["at"]) > self._now - _KEPT

    def _clean(self) -> None:
        """Delete what the manifest does not name: superseded files, and those of killed exports."""
        named = {each["path"] for each in self._manifest["superseded"]}
        for table, known in self._manifest["tables"].items():
            named.update(each["path"] for each in known["files"])
            for path in self._storage.names(table):
                if path not in named and is_part(path):
                    self._storage.delete(path)


def _check_shape(manifest: dict[str, Any]) -> None:
    """Take what is needed of a manifest; raises what a missing or other value raises."""
    for known in manifest["tables"].values():
        _state(known)
        for column in known["columns"]:
            _ = column["name"], column["type"]
    for each in manifest["superseded"]:
        _ = each["path"], datetime.fromisoformat(each["at"])


def _state(known: dict[str, Any]) -> TableState:
    progress = Progress(*(known[name] for name in Progress._fields))
    files = [PartFile(*(each[name] for name in PartFile._fields)) for each in known["files"]]
    return TableState(progress, files)
