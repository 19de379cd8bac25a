"""Sets, removes and lists tags. What is written is written in one transaction, or not at all."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, Engine, select, text

from inventory import known_tags
from inventory.db import revision, session
from inventory.db.engine import transaction
from inventory.errors import ConfigurationError
from inventory.models import SCOPES, TAGS
from inventory.queries.base import Rows, fetch, view
from inventory.queries.lookup import NAMES_OF, Names
from inventory.suggestions import did_you_mean

COLUMNS = ("scope", "scope_id", "name", "value")
LISTED = ("scope", "scope_id", "scope_name", "name", "value")
RESOLVED = ("name", "value", "scope", "scope_id")

# The same on both databases.
_SET = text(
    """
    insert into tags (scope, scope_id, name, value) values (:scope, :scope_id, :name, :value)
    on conflict (scope, scope_id, name) do update set value = excluded.value
    """
)
_UNSET = text("delete from tags where scope = :scope and scope_id = :scope_id and name = :name")
_MAX_ERRORS = 5  # of a file; after that, the rest is not looked at


class Assignment(NamedTuple):
    """A tag with its value. What a person wrote has a name or an id as `scope_id`."""

    scope: str
    scope_id: str
    name: str
    value: str

    @property
    def key(self) -> tuple[str, str, str]:
        return self.scope, self.scope_id, self.name


class InvalidTagError(ConfigurationError):
    """A scope, a name or a value that no tag can have."""

    code = "invalid_tag"


def set_tags(engine: Engine, wanted: Sequence[Assignment]) -> list[Assignment]:
    """Set these tags, all or none; return them as they are stored.

    Raises UnknownNameError for something that is not known, InvalidTagError for a value that would
    count as none.
    """
    with _writing(engine) as connection:
        reader = _Reader(connection)
        assigned = [reader.read(each) for each in wanted]
        _write(connection, assigned)
        return assigned


def import_tags(engine: Engine, lines: Sequence[tuple[int, Assignment]]) -> tuple[int, int]:
    """Set the tags of a file, all or none; return how many were new or different, and how many not.

    Raises InvalidTagError that names the lines with errors.
    """
    with _writing(engine) as connection:
        assigned = _without_errors(_Reader(connection), lines)
        before = {(row.scope, row.scope_id, row.name): row.value for row in _all(connection)}
        changed = [each for each in assigned if before.get(each.key) != each.value]
        _write(connection, changed)
        return len(changed), len(assigned) - len(changed)


def unset_tags(
    engine: Engine, names: Collection[str], scope: str, targets: Collection[str]
) -> list[Assignment]:
    """Remove these tags of these targets, each an id or a name; return those that were set.

    Raises UnknownNameError for something that is not known, unless a tag is set for its id.
    """
    with _writing(engine) as connection:
        reader, present = _Reader(connection), _all(connection)
        ids = {each.scope_id for each in present if each.scope == scope}
        wanted = {each if each in ids else reader.id_of(scope, each) for each in targets}
        removed = [
            each
            for each in present
            if each.scope == scope and each.scope_id in wanted and each.name in names
        ]
        if removed:
            connection.execute(_UNSET, [each._asdict() for each in removed])
        return removed


def list_tags(connection: Connection) -> Rows:
    """Return one row per tag that is set, those of accounts first, with the name of its target."""
    names = {scope: NAMES_OF[scope](connection) for scope in SCOPES}
    return [
        each._asdict() | {"scope_name": names[each.scope].name_of(each.scope_id)}
        for each in _all(connection)
    ]


def resolved_tags(connection: Connection, connector_id: str) -> Rows:
    """Return one row per tag that counts for a connector."""
    tags = view("connector_tags")
    rows = fetch(connection, select(tags).where(tags.c.connector_id == connector_id))
    return sorted(rows, key=lambda row: row["name"])


@contextmanager
def _writing(engine: Engine) -> Iterator[Connection]:
    revision.require_current(engine)
    with transaction(engine) as connection:
        yield connection


def _all(connection: Connection) -> list[Assignment]:
    """Return all tags, in an order that no collation decides."""
    tags = connection.execute(select(*(TAGS.c[name] for name in COLUMNS)))
    found = [Assignment(*row) for row in tags]
    return sorted(found, key=lambda each: (SCOPES.index(each.scope), *each[1:]))


def _write(connection: Connection, assigned: Iterable[Assignment]) -> None:
    # In one order: two that write the same rows at the same time wait for each other in turn.
    if rows := [each._asdict() for each in sorted(assigned)]:
        connection.execute(_SET, rows)


def _without_errors(reader: "_Reader", lines: Iterable[tuple[int, Assignment]]) -> list[Assignment]:
    assigned: dict[tuple[str, str, str], tuple[int, Assignment]] = {}
    errors: list[str] = []
    for number, each in lines:
        try:
            found = reader.read(each)
            if found.key in assigned:
                raise InvalidTagError(f"It sets the same tag as line {assigned[found.key][0]}.")
            assigned[found.key] = number, found
        except ConfigurationError as error:
            errors.append(f"Line {number}: {error}")
            if len(errors) == _MAX_ERRORS:
                break
    if errors:
        raise InvalidTagError(f"Nothing was imported. {' '.join(errors)}")
    return [each for _, each in assigned.values()]


class _Reader:
    """Turns what people wrote into tags as they are stored. It reads the names of a scope once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._now: datetime = session.now(connection)
        self._names: dict[str, Names] = {}

    def read(self, given: Assignment) -> Assignment:
        try:
            value = known_tags.to_store(given.name, given.value, self._now)
        except ValueError as error:
            raise InvalidTagError(f"{error}.") from None
        return Assignment(given.scope, self.id_of(given.scope, given.scope_id), given.name, value)

    def id_of(self, scope: str, name: str) -> str:
        if scope not in SCOPES:
            hint = did_you_mean(scope, SCOPES) or f"It is one of: {', '.join(SCOPES)}."
            raise InvalidTagError(f"There is no scope named {scope}. {hint}")
        if scope not in self._names:
            self._names[scope] = NAMES_OF[scope](self._connection)
        return self._names[scope].id_of(name)
