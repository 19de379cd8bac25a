"""A database whose history has been exported twice, and has changed since; and its targets."""

import copy
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from deltalake import DeltaTable
from sqlalchemy import delete, insert, make_url, select

from inventory.db.engine import read_only, transaction
from inventory.demo.fake_api import FakeApi
from inventory.export.parquet import MANIFEST
from inventory.export.run import ExportResult, export
from inventory.models import EXPORT_BOOKMARKS
from inventory.sync.run import sync
from support import lake
from support.builders import (
    DAY,
    KEY,
    SECRET,
    T0,
    Account,
    Item,
    api_settings,
    connect,
    item,
)
from support.databases import new_database
from support.lake import FORMATS
from support.references import PATHS, destination, group
from support.wrong_clock import at, stop_clock

Tables = dict[str, Counter[str]]
BEGINS = T0 - 8 * DAY  # so that days of two months are settled
EXPORTED_ON = (10, 12)  # days after the first
LAST = 14
AN_HOUR = timedelta(hours=1)


def account_on(day: int) -> list[Item]:
    """Differ from the day before in rows of every table."""
    odd = day % 2 == 1
    alert = {"code": "late", "message": f"on day {day}"}
    return [
        item("stays"),
        item("syncs", succeeded_at=(BEGINS + day * DAY - AN_HOUR).isoformat()),
        item("is_set_anew", paused=odd, config={"host": f"host {day // 3}"}),
        item("breaks", status={"setup_state": "broken" if odd else "connected"}),
        item("broken", status={"setup_state": "broken"}),
        item("is_tested", setup_tests=[{"title": "t", "status": "FAILED" if odd else "PASSED"}]),
        item("warns", status={"warnings": [alert], "tasks": [alert] if odd else []}),
        item(f"exists_in_week_{day // 7}"),
    ]


def lists_on(day: int) -> dict[str, list[Item]]:
    """Name the group otherwise before the first export: what is settled keeps the name it had."""
    named = group(name="Finance" if day < min(EXPORTED_ON) // 2 else "Money")
    placed = destination(region=f"region {day // 4}")
    return {PATHS["groups"]: [named], PATHS["destinations"]: [placed]}


class LakeWorld:
    """`home` holds a target of each format, and nothing else."""

    def __init__(self, url: str, folder: Path, account: Account, api: FakeApi) -> None:
        self.url, self.engine = url, connect(url)
        self.home, self._kept = folder / "home", folder / "kept"
        self.home.mkdir()
        self._bookmarks: list[dict[str, Any]] = []
        self._account, self._api = account, api
        self._day = 0

    @property
    def environment(self) -> dict[str, str]:
        return {"INVENTORY_DATABASE_URL": self.url}

    def target(self, output_format: str) -> Path:
        return self.home / output_format

    def on(self, url: str, home: Path | None = None) -> "LakeWorld":
        """Return the same with another database, and with other targets if `home` is given."""
        other = copy.copy(self)
        other.url, other.engine = url, connect(url)
        other.home = home or self.home
        other._kept = other.home.with_name("kept")
        return other

    @contextmanager
    def copied(
        self, server: str | None, folder: Path, home: Path | None = None
    ) -> Iterator["LakeWorld"]:
        """Copy the database, as a backup does: into a folder, or on the server."""
        self.engine.dispose()
        with ExitStack() as stack:
            if server is None:
                url = f"sqlite:///{folder / 'copy.db'}"
                shutil.copyfile(self.url.removeprefix("sqlite:///"), folder / "copy.db")
            else:
                name = str(make_url(self.url).database)
                url = stack.enter_context(new_database(server, name))
            copy = self.on(url, home)
            yield copy
            copy.engine.dispose()

    def live(self, *, until: int, hour: int = 0) -> None:
        """Let a run see the account on each day up to there; now is an hour after the last run."""
        later = hour * AN_HOUR
        for day in range(self._day, until):
            self._account.connectors, self._account.lists = account_on(day), lists_on(day)
            sync(self.engine, api_settings(self._api), clock=at(BEGINS + day * DAY + later))
        self._day = until
        self.stop_clock(BEGINS + (until - 1) * DAY + later + AN_HOUR)

    def stop_clock(self, now: datetime) -> None:
        stop_clock(self.engine, now)

    def export(self, output_format: str, **options: Any) -> ExportResult:
        target = str(self.target(output_format))
        return export(self.engine, target, output_format=output_format, **options)

    def seen(self, output_format: str) -> Tables:
        """Return all rows that a reader sees; a table without any is as good as none."""
        target = self.target(output_format)
        names = lake.TABLES
        if output_format == "delta":
            names = tuple(each for each in names if DeltaTable.is_deltatable(str(target / each)))
        elif not (target / MANIFEST).exists():
            names = ()
        return _counted({name: lake.in_lake(target, name) for name in names})

    def rows(self) -> Tables:
        """Return all rows that an export copies."""
        return _counted({name: lake.in_database(self.engine, name) for name in lake.TABLES})

    # --- back to what it was ---

    def keep(self) -> None:
        """Take what the targets hold now as what they are set back to."""
        shutil.rmtree(self._kept, ignore_errors=True)
        shutil.copytree(self.home, self._kept)
        self._bookmarks = self.bookmarks()

    def set_back(self) -> None:
        shutil.rmtree(self.home)
        shutil.copytree(self._kept, self.home)
        self.set_bookmarks_back()

    def set_bookmarks_back(self) -> None:
        with transaction(self.engine) as connection:
            connection.execute(delete(EXPORT_BOOKMARKS))
            if self._bookmarks:
                connection.execute(insert(EXPORT_BOOKMARKS), self._bookmarks)

    def bookmarks(self) -> list[dict[str, Any]]:
        rows = select(EXPORT_BOOKMARKS).order_by(*EXPORT_BOOKMARKS.primary_key)
        with read_only(self.engine) as connection:
            return [dict(row) for row in connection.execute(rows).mappings()]


def _counted(tables: dict[str, list[dict[str, Any]]]) -> Tables:
    return {name: Counter(lake.comparable(rows)) for name, rows in tables.items() if rows}


@contextmanager
def lived(
    url: str, folder: Path, *, until: int = LAST, exported_on: tuple[int, ...] = EXPORTED_ON
) -> Iterator[LakeWorld]:
    """Let the world come to a day, having been exported to each format on some days before."""
    account = Account()
    with FakeApi(account, key=KEY, secret=SECRET) as api:
        world = LakeWorld(url, folder, account, api)
        for day in exported_on:
            world.live(until=day)
            for output_format in FORMATS:
                world.export(output_format)
        world.live(until=until)
        world.keep()
        yield world
        world.engine.dispose()
