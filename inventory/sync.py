"""The order of a run and nothing else: lock, register, walk, ask for the missing, merge, finish."""

import logging
import time
from contextlib import closing, nullcontext
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, func, insert, select, text

from inventory import __version__, database, health, runs, schema
from inventory.client import Client
from inventory.client import Clock as HttpClock
from inventory.errors import (
    AlreadyRunning,
    Bug,
    FixSettings,
    HostTrouble,
    Interrupted,
    InventoryError,
    TakenOver,
)
from inventory.items import MAX_ID, is_usable_id
from inventory.models import COMPLETE, CONNECTOR_STATUS, CONNECTORS, SYNC_RUNS
from inventory.settings import ApiSettings, RemovalSettings
from inventory.snapshot import Held, OnPage, Snapshot, take
from inventory.versions import NOW, Moment

if TYPE_CHECKING:
    from inventory.changes import Change

log = logging.getLogger(__name__)

RunRow = dict[str, Any]
_CAREFUL = RemovalSettings()
_INTERRUPTED = "Interrupted before the merge was done."


def sync(
    engine: Engine,
    settings: ApiSettings,
    removals: RemovalSettings = _CAREFUL,
    *,
    clock: runs.Clock = database.now,
    http_clock: HttpClock = time,
    on_page: OnPage = lambda seen, held: None,
) -> RunRow:
    """Take one snapshot of the account into the database; return its row of sync_runs.

    An empty database gets its tables first. `on_page` hears of each page. The status of the run is
    "withheld" where so many connectors were missing that they were not believed to be gone.
    Raises an InventoryError after marking the run as failed; nothing else is written then.
    """
    _check_account(settings.account)
    prepare(engine)
    with closing(Client(settings, http_clock)) as api:
        return _Run(engine, settings, removals, api, clock, on_page).execute()


def prepare(engine: Engine) -> None:
    """Build the tables in an empty database, and renew views that another release has made.

    Raises SchemaMismatch for tables of another version.
    """
    state = schema.state_of(engine)
    if state is schema.State.EMPTY:
        from inventory import upgrades  # only a first run pays for the views

        upgrades.build(engine)
    schema.refuse_other_versions(engine, state)
    if state is schema.State.OTHER_RELEASE:
        _renew_views(engine)
    # A run that was killed may have made the tables and not come to it.
    database.let_readers_go_on(engine)


def _renew_views(engine: Engine) -> None:
    """Renew the views if this user may; history must not stop for views that stay as they are."""
    from inventory import upgrades

    try:
        upgrades.renew_views(engine)
    except FixSettings as error:
        log.warning("The views are still those of another release of this tool: %s", error)


class _Run:
    """One attempt. `execute` is its story; it ends with a row in the log, whatever happens."""

    def __init__(
        self,
        engine: Engine,
        settings: ApiSettings,
        removals: RemovalSettings,
        api: Client,
        clock: runs.Clock,
        on_page: OnPage,
    ) -> None:
        self._engine = engine
        self._api = api
        self._removals = removals
        self._clock = clock
        self._on_page = on_page
        self._account_id = settings.account
        self._run_id: int | None = None

    def execute(self) -> RunRow:
        try:
            self._account_id = self._account_id or self._api.account_id()
            with runs.lock(self._engine, self._account_id) as lock:
                return self._execute(self._account_id, lock)
        except AlreadyRunning:
            raise  # before it began: there is nothing to tell of it
        except InventoryError as error:
            return self._failed(error)
        except KeyboardInterrupt as interrupt:
            return self._failed(Interrupted(_INTERRUPTED), interrupt)
        except OSError as error:
            return self._failed(_host_trouble(error), error)
        except Exception as bug:
            # Its text may hold anything, so only its kind goes into the log.
            return self._failed(Bug(type(bug).__name__), bug)

    def _execute(self, account_id: str, lock: runs.Lock) -> RunRow:
        with database.transaction(self._engine) as connection:
            run_id = runs.start(connection, account_id, self._clock)
        self._run_id = run_id  # not before it is committed: only then is there a row to mark
        with database.reading(self._engine) as connection:
            previous = runs.last_merged_at(connection, account_id)
            held = _held(self._engine, connection, account_id)
        self._api.while_waiting = lock.check
        snapshot = take(self._api, held, self._removals, lock, self._on_page)
        with closing(snapshot.spool):
            lock.check()
            begun = time.perf_counter()
            with database.transaction(self._engine) as connection:
                moment = runs.begin_merge(connection, run_id, account_id, previous, self._clock)
                facts = _merged(connection, moment, snapshot) | asdict(self._api.traffic)
                runs.finish(connection, moment, self._clock, **facts)
                row = runs.get(connection, run_id)
            log.info("The merge took %.3f s in one transaction", time.perf_counter() - begun)
            return row

    def _failed(self, error: InventoryError, cause: BaseException | None = None) -> RunRow:
        """Mark the run as failed and raise; return its row if it has been merged after all."""
        facts = asdict(self._api.traffic) | {"account_id": self._account_id}
        try:
            with database.transaction(self._engine) as connection:
                row = runs.record_failure(connection, self._run_id, error, self._clock, **facts)
        except InventoryError as second:
            log.error("The run could not be marked as failed: %s", second)
            raise error from cause
        error.run = row
        if row["status"] in COMPLETE and not isinstance(error, TakenOver):
            # The answer to the commit was lost, the commit was not.
            log.warning("%s But the run had been merged.", error)
            return row
        raise error from cause


def preview(
    engine: Engine,
    settings: ApiSettings,
    removals: RemovalSettings = _CAREFUL,
    *,
    on_page: OnPage = lambda seen, held: None,
) -> "tuple[RunRow, list[Change]]":
    """Walk, and tell what a run would do now; write nothing.

    The merge itself is done and rolled back, so that the answer cannot differ from the run's. On
    an empty database it is done in memory.
    """
    _check_account(settings.account)
    if schema.state_of(engine) is schema.State.EMPTY:
        with database.in_memory() as stand_in:
            prepare(stand_in)
            return _preview(stand_in, settings, removals, on_page)
    schema.require_current(engine)
    return _preview(engine, settings, removals, on_page)


def _preview(
    engine: Engine, settings: ApiSettings, removals: RemovalSettings, on_page: OnPage
) -> "tuple[RunRow, list[Change]]":
    with closing(Client(settings)) as api:
        account_id = settings.account or api.account_id()
        with database.reading(engine) as connection:
            previous = runs.last_merged_at(connection, account_id)
            held = _held(engine, connection, account_id)
        snapshot = take(api, held, removals, runs.Lock(lambda: None), on_page)
    with closing(snapshot.spool), database.rolled_back(engine) as connection:
        return _previewed(connection, account_id, previous, snapshot, asdict(api.traffic))


def _previewed(
    connection: Connection,
    account_id: str,
    previous: datetime | None,
    snapshot: Snapshot,
    traffic: RunRow,
) -> "tuple[RunRow, list[Change]]":
    """Do the merge of a run that is numbered 0, so that not even the next number is used up."""
    started_at = database.now(connection)
    connection.execute(
        insert(SYNC_RUNS).values(
            run_id=0,
            account_id=account_id,
            status="running",
            started_at=started_at,
            tool_version=__version__,
        )
    )
    moment = runs.begin_merge(connection, 0, account_id, previous, database.now)
    listed: list[Change] = []
    facts = _merged(connection, moment, snapshot, listed) | traffic
    runs.finish(connection, moment, database.now, **facts)
    return runs.get(connection, 0) | {"run_id": None, "status": "dry_run"}, listed


def _check_account(name: str | None) -> None:
    if name is not None and not is_usable_id(name):
        raise FixSettings(
            f"--account is no name: it takes up to {MAX_ID} bytes of printable characters."
        )


def _held(engine: Engine, connection: Connection, account_id: str) -> Held:
    """What the account's connectors are that exist, as far as the database knows."""
    status, connector = CONNECTOR_STATUS.current.c, CONNECTORS.current.c
    live = (connector.account_id == account_id, connector.removed_at.is_(None))
    fingerprints = connection.execute(
        select(status.connector_id, status.fingerprints)
        .join(CONNECTORS.current, connector.connector_id == status.connector_id)
        .where(*live)
    )

    def groups() -> dict[str, str | None]:
        with database.reading(engine) as another:
            wanted = select(connector.connector_id, connector.group_id).where(*live)
            return {row.connector_id: row.group_id for row in another.execute(wanted)}

    return Held(dict(fingerprints.all()), groups)


def _merged(
    connection: Connection,
    moment: Moment,
    snapshot: Snapshot,
    listed: "list[Change] | None" = None,
) -> RunRow:
    """Merge a snapshot and judge; return what is to be said of it in the log.

    Every change is added to `listed`, if that is given.
    """
    facts: RunRow = {
        "status": "succeeded",
        "connectors_seen": len(snapshot.spool),
        "duplicates": snapshot.spool.duplicates,
        "unconfirmed": snapshot.unconfirmed,
        "withheld": snapshot.withheld,
        "anomalies": snapshot.reader.anomalies,
    }
    if snapshot.doubt:
        facts |= {
            "status": "withheld",
            "error_code": snapshot.doubt.code,
            "error_message": str(snapshot.doubt),
        }
    rules_before = runs.health_rules(connection, moment)
    everybody = moment.previous_at is not None and rules_before != health.EDITION
    # Those unseen must be judged by the new rules as well, once they are seen.
    facts["health_rules"] = rules_before if everybody and snapshot.unseen else health.EDITION
    time_is_up = _is_time_up(connection, moment)
    if snapshot.changes_nothing and not time_is_up and not everybody:
        return facts
    from inventory import changes, firstfill, judge, merge, staging  # most runs find nothing new

    staged = staging.stage(connection, snapshot.spool, snapshot.removals, snapshot.unseen)
    if "connectors" in staged.tables:  # none but those that are held for this account so far
        _refuse_those_of_others(connection, moment.account_id)
    # A preview must keep nobody waiting.
    with firstfill.keys_afterwards(connection) if listed is None else nullcontext():
        written = merge.merge(connection, moment, staged)
    # After the keys: by them it finds what is open.
    closed = judge.judge(connection, moment, time_is_up=time_is_up, everybody=everybody)
    written.add(CONNECTOR_STATUS, merge.Rows(closed=closed, revised=closed))
    if listed is not None:
        listed += changes.listed(connection, moment, written)
    return facts | changes.count(connection, moment, written)


def _is_time_up(connection: Connection, moment: Moment) -> bool:
    """Say whether any connector of the account has become late since it was last judged."""
    now = "cross join (select :now as now) t"
    states = f"select 1 from connector_status {now} where {health.TIME_HAS_PASSED} limit 1"
    facts = f"""
        select 1 from connector_status join connectors using (connector_id) {now}
        where account_id = :account and removed_at is null and ({health.TIME_IS_UP}) limit 1
        """
    return all(
        connection.execute(text(found).bindparams(NOW), moment.parameters).first() is not None
        for found in (states, facts)
    )


def _refuse_those_of_others(connection: Connection, account_id: str) -> None:
    """Two names for one account would take its connectors from each other, and guard none."""
    from inventory import staging

    staged, connector = staging.STAGED["connectors"].c, CONNECTORS.current.c
    theirs = (
        select(connector.account_id, func.count())
        .join(staging.STAGED["connectors"], staged.connector_id == connector.connector_id)
        .where(connector.account_id != account_id, connector.removed_at.is_(None))
        .group_by(connector.account_id)
        .order_by(func.count().desc())
    )
    other = connection.execute(theirs).first()
    if other is not None:
        raise FixSettings(
            f"{other[1]:,} connectors that account {account_id} shows are held for account "
            f"{other[0]}: they are taken from no account. If the two are one, pass "
            f"--account {other[0]}."
        )


def _host_trouble(error: OSError) -> HostTrouble:
    return HostTrouble(
        f"This host did not do its part: {error.strerror or type(error).__name__}. The rows of a "
        f"walk wait in a temporary file; if there is no room, set TMPDIR."
    )
