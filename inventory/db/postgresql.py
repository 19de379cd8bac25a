"""Connects to PostgreSQL: finds the schema of the tables and sets up each transaction."""

from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from inventory.db import connection_failures
from inventory.db.addresses import Address
from inventory.db.errors import display_url
from inventory.deadline import Deadline
from inventory.errors import ConfigurationError

# A schema with this table is one of this tool; see `revision`.
_VERSION_TABLE = "inventory_version"
# The statement timeout is longer than the lock timeout, so that the error names the lock.
_AFTER_LOCK_TIMEOUT = 1.0  # seconds

# Instead of the driver's defaults; settings of the user take precedence. A host that disappears
# sends nothing: keepalives detect that after two minutes.
_OPTIONS = {
    "connect_timeout": 10,
    "application_name": "inventory",
    "keepalives_idle": 60,
    "keepalives_interval": 15,
    "keepalives_count": 4,
    "tcp_user_timeout": 120_000,
}

# Settings that this tool needs, whatever the server's defaults are. psycopg parses times in the
# session's zone and style, and fails if that leaves year 1 or 9999. Compiling the query of a view
# (jit) takes seconds, executing it does not. The transaction that holds the lock is idle while a
# run waits for the API. The server releases the locks of a host that disappeared after two minutes.
_TRANSACTION = """
select set_config('search_path',
         coalesce(quote_ident(%(schema)s), quote_ident(current_schema()))
         || case when %(keep_path)s then ', ' || current_setting('search_path') else '' end, true),
       set_config('TimeZone', 'UTC', true),
       set_config('DateStyle', 'ISO', true),
       set_config('jit', 'off', true),
       set_config('idle_in_transaction_session_timeout', '0', true),
       set_config('tcp_keepalives_idle', '60', true),
       set_config('tcp_keepalives_interval', '15', true),
       set_config('tcp_keepalives_count', '4', true)"""
# The limits of a run, in milliseconds. A lower limit of the server or the role stays.
_BOUND = """
     , set_config('{name}', ceil(least(%({name})s, nullif(
         1000 * extract(epoch from current_setting('{name}')::interval), 0)))::text, true)"""
_BOUNDS = "".join(_BOUND.format(name=name) for name in ("lock_timeout", "statement_timeout"))

_SCHEMAS = f"""
select p.name
from unnest(current_schemas(false)) with ordinality as p (name, place)
join pg_namespace n on n.nspname = p.name
join pg_class c on c.relnamespace = n.oid
  and c.relname = '{_VERSION_TABLE}' and c.relkind in ('r', 'p')
order by p.place"""


class _Sessions(NullPool):
    """Closes each session after its transaction, as a run pauses for long.

    While `keeps_one` is set, it keeps one of them for the next transaction: to connect takes longer
    than most transactions of a run.
    """

    keeps_one = False
    _kept: ConnectionPoolEntry | None = None

    def _do_get(self) -> ConnectionPoolEntry:
        kept, self._kept = self._kept, None
        return kept or super()._do_get()

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        if not self.keeps_one or self._kept is not None or record.dbapi_connection is None:
            super()._do_return_conn(record)
            return
        # After a read-only transaction SQLAlchemy leaves False, which overrides the server.
        record.dbapi_connection.read_only = None
        self._kept = record

    def close_kept(self) -> None:
        kept, self._kept = self._kept, None
        if kept is not None:
            super()._do_return_conn(kept)


def keep_one_session(of: Engine, *, keep: bool) -> None:
    """Keep one session for the next transaction, from now on or no longer."""
    assert isinstance(of.pool, _Sessions)
    of.pool.keeps_one = keep


def close_kept_session(of: Engine) -> None:
    assert isinstance(of.pool, _Sessions)
    of.pool.close_kept()


def engine(address: Address, schema: str | None) -> Engine:
    """Create the engine; it contacts no server yet.

    Every transaction works in one schema: the given one, or else the schema of the search path that
    has an inventory, looked up once. If none has one yet, it is the first schema of the path.
    """
    created = create_engine(
        address.url,
        creator=partial(_connect, address),
        poolclass=_Sessions,
        hide_parameters=True,
        # Whatever the server's default is: at a stricter level the transaction that holds the lock
        # would keep a snapshot, and merges of other accounts could make this one fail.
        isolation_level="READ COMMITTED",
        execution_options={"schema": schema, "address": address.shown},
    )
    found: list[str] = [] if schema is None else [schema]

    @event.listens_for(created, "begin")
    def begin(connection: Connection) -> None:
        if not found:
            found.extend(_find_schema(connection))
        _begin(connection, found[0] if found else None)

    return created


def _connect(address: Address) -> Any:
    import psycopg

    options = {name: value for name, value in _OPTIONS.items() if name not in address.keep_if_equal}
    # Whatever the client is configured for: only UTF-8 can hold everything that the API sends.
    given: dict[str, Any] = {**options, **address.parameters, "client_encoding": "utf8"}
    try:
        # Prepared statements belong to a session, and a transaction pooler switches sessions.
        return psycopg.connect(**given, prepare_threshold=None)
    except (psycopg.Error, UnicodeError) as error:
        raise connection_failures.translate(error, address) from error


def _find_schema(connection: Connection) -> list[str]:
    """Return the schema of the search path that has an inventory, if there is one."""
    schemas: list[str] = [name for (name,) in connection.exec_driver_sql(_SCHEMAS)]
    if len(schemas) > 1:
        raise ConfigurationError(
            f"{display_url(connection.engine)} has an inventory in more than one schema of the "
            f"search path: {' and '.join(schemas)}. Name one of them in INVENTORY_SCHEMA."
        )
    return schemas


def _begin(connection: Connection, schema: str | None) -> None:
    options = connection.get_execution_options()
    values: dict[str, Any] = {
        "schema": schema,
        "keep_path": bool(options.get("keep_search_path")),
    }
    deadline: Deadline | None = options.get("deadline")
    if deadline is None:
        connection.exec_driver_sql(_TRANSACTION, values)
        return
    # The wait for a lock ends first, so that the error names it.
    values["lock_timeout"] = _milliseconds(deadline.lock_wait)
    values["statement_timeout"] = _milliseconds(deadline.allowed + _AFTER_LOCK_TIMEOUT)
    connection.exec_driver_sql(_TRANSACTION + _BOUNDS, values)
    # A server that disappeared enforces no timeout, so the deadline closes the connection.
    driver: Any = connection.connection.driver_connection
    deadline.watch(driver.fileno())


def lift_transaction_timeout(connection: Connection) -> None:
    """Let this transaction last as long as it takes; PostgreSQL 17 and newer can limit that."""
    setting = "select set_config(name, '0', true) from pg_settings where name = %s"
    connection.exec_driver_sql(setting, ("transaction_timeout",))


def _milliseconds(seconds: float) -> float:
    return min(1000 * seconds, 2**31 - 1)  # PostgreSQL's own limit
