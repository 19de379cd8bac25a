"""Rejects what a user's SQL could do beyond reading, despite a read-only transaction.

SQLite asks an authorizer about each step. PostgreSQL restricts no functions: they act on the
server, on files and on other servers, and a rollback does not undo that. So the functions that a
statement names are checked before it runs. Objects that the statement does not call by name are
trusted: views, operators, casts, aggregates, the bodies of functions.
"""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, text

_SECRET = "digest_key"  # a table

# --- PostgreSQL -----------------------------------------------------------------------------

# Volatile functions that only read or compute. Any other volatile function may write or connect
# elsewhere, including those of later versions. Ctrl-C ends pg_sleep.
_HARMLESS = """
    array_sample array_shuffle clock_timestamp current_query currval gen_random_uuid lastval random
    random_normal setseed timeofday uuidv4 uuidv7 pg_sleep pg_sleep_for pg_sleep_until
    pg_database_size pg_indexes_size pg_relation_size pg_table_size pg_tablespace_size
    pg_total_relation_size pg_partition_ancestors pg_partition_tree pg_blocking_pids
    pg_is_in_recovery pg_current_wal_lsn pg_last_wal_receive_lsn pg_last_wal_replay_lsn
    pg_last_xact_replay_timestamp pg_xact_commit_timestamp
    gen_random_bytes gen_salt uuid_generate_v1 uuid_generate_v1mc uuid_generate_v4
"""
# Extensions that connect elsewhere or run text as SQL, also with functions that are not volatile.
_REACHING = frozenset(("dblink", "http", "plproxy", "postgres_fdw", "tablefunc", "xml2"))

# A word in any case, quoted or not, also in strings and comments. No quoting, nesting or escaping
# hides a name from this pattern, except Unicode escapes, which are rejected.
_WORD = re.compile(r"[A-Za-z_\x80-\U0010ffff][\w$\x80-\U0010ffff]*", re.ASCII)
_ESCAPED = re.compile(r'u&"', re.IGNORECASE)
# A parenthesis, maybe after a comment, makes it a call; `x.name` may be a call as well.
_CALL = re.compile(r'"?\s*(\(|--|/\*)')
_DOTTED = re.compile(rf'(?=(?:\.|\*/|--[^\n\r]*[\n\r])\s*"?({_WORD.pattern}))', re.ASCII)
_MAX_NAME = 63  # bytes of a name; the server truncates the rest

# A name that is not a plain word is searched for in quotes; the text may go on after a long name.
# Functions that take `internal` are called by the server only, such as TABLESAMPLE methods.
_NAMED = text(
    """
    select p.proname as name,
           p.oid::regprocedure::text as signature,
           p.provolatile = 'v' as is_volatile,
           x.extname as extension,
           p.oid >= 16384 and x.extname is null as is_user_made,
           p.provariadic <> 0 or 1 between p.pronargs - p.pronargdefaults and p.pronargs
               as takes_one
    from pg_proc p
    left join pg_depend d on d.classid = 'pg_proc'::regclass and d.objid = p.oid
        and d.refclassid = 'pg_extension'::regclass and d.deptype = 'e'
    left join pg_extension x on x.oid = d.refobjid
    where (p.provolatile = 'v' or x.extname = any(cast(:reaching as text[])))
        and cast('internal' as regtype) <> all(p.proargtypes)
        and (
            p.proname = any(cast(:words as text[]))
            or p.oid >= 16384 and strpos(:sql, '"' || replace(p.proname, '"', '""')) > 0
        )
    order by signature
    """
)


def objection(connection: Connection, sql: str, *, is_read_only: bool) -> str | None:
    """Return why this statement must not run, or None if its calls only read.

    `is_read_only`: the session's user can only read, so functions of other users run with its few
    privileges. The check rejects too much rather than too little: every word of the text is looked
    up in the catalog, also those in strings.
    """
    if _ESCAPED.search(sql):
        return 'it writes a name as U&"...", which hides what is called'
    words, called, dotted = _names(sql)
    if _SECRET in words:
        return f"{_SECRET} can be read by runs only"
    given = {"sql": sql, "words": [*words], "reaching": [*_REACHING]}
    for function in connection.execute(_NAMED, given):
        is_plain = _WORD.fullmatch(function.name) is not None
        is_called = function.name in called or (function.takes_one and function.name in dotted)
        if (is_called or not is_plain) and (reason := _danger(function, is_read_only)):
            return reason
    return None


def _danger(function: Any, is_read_only: bool) -> str | None:
    calls = f"it calls {function.signature}, which"
    if function.is_user_made:
        if is_read_only:
            return None
        return f"{calls} is volatile, so it may write (else its owner can declare it stable)"
    if function.name in _HARMLESS.split() and function.extension not in _REACHING:
        return None
    return f"{calls} may write or reach out"


def _names(sql: str) -> tuple[set[str], set[str], set[str]]:
    """Return the words that may be names, those that may be calls, and those after a dot."""
    words: set[str] = set()
    called: set[str] = set()
    for found in _WORD.finditer(sql):
        words |= _spellings(found[0])
        if _CALL.match(sql, found.end()):
            called |= _spellings(found[0])
    dotted: set[str] = set()
    return words, called, dotted.union(*(_spellings(each[1]) for each in _DOTTED.finditer(sql)))


def _spellings(word: str) -> set[str]:
    """Return the name that a word stands for in quotes, and the one without."""
    cut = word.encode()[:_MAX_NAME]
    # On bytes, as the server does: only ASCII letters change case.
    return {name.decode(errors="ignore") for name in (cut, cut.lower())}


# --- SQLite ---------------------------------------------------------------------------------

_READS = (
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
)
# They load code, take a memory address as code, or write to the log; some builds lack the others.
_LOADING = ("load_extension", "fts3_tokenizer", "sqlite_log", "readfile", "writefile", "edit")
_STEPS = 100_000  # of SQLite's virtual machine: some milliseconds


@contextmanager
def only_reading(driver: sqlite3.Connection) -> Iterator[None]:
    """Permit only reading to the statements inside, and let Ctrl-C interrupt them."""

    def authorize(action: int, first: str | None, second: str | None, *_: str | None) -> int:
        calls = (second or "").lower() if action == sqlite3.SQLITE_FUNCTION else ""
        is_secret = (first or "").lower() == _SECRET and action == sqlite3.SQLITE_READ
        allowed = action in _READS and calls not in _LOADING and not is_secret
        # SQLite registers json_each and the like this way; a user's statement cannot write there.
        declaring = (action, first) == (sqlite3.SQLITE_UPDATE, "sqlite_master")
        return sqlite3.SQLITE_OK if allowed or declaring else sqlite3.SQLITE_DENY

    driver.set_authorizer(authorize)
    # Python handles Ctrl-C only while it runs; an exception in the handler ends the query.
    driver.set_progress_handler(lambda: None, _STEPS)
    try:
        yield
    finally:
        driver.set_progress_handler(None, 0)
        driver.set_authorizer(None)
