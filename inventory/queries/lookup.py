"""Finds what a person names, by id or by name: a connector, or an account, a group, a service."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, null, select

from inventory.errors import ConfigurationError
from inventory.models import ACCOUNTS, CONNECTOR_TYPES, CONNECTORS, GROUPS
from inventory.suggestions import did_you_mean

_COMPARED = 10_000  # things whose names a misspelled one is compared with, within a second


class UnknownNameError(ConfigurationError):
    """Nothing of this kind has this name, or more than one thing has."""

    code = "unknown_name"


class UnknownConnectorError(UnknownNameError):
    code = "unknown_connector"


class _Known(NamedTuple):
    """What may be named. Those of one `full_name` followed each other under it."""

    key: str
    name: str
    exists: bool = True
    full_name: tuple[str | None, ...] = ()
    first_seen_at: datetime = datetime.min


class Names:
    """The ids and names of all things of one kind, read once."""

    def __init__(self, kind: str, known: Iterable[_Known], listing: str) -> None:
        self._kind, self._listing = kind, listing
        self._by_id = {each.key: each for each in known}
        self._by_name: dict[str, list[_Known]] = defaultdict(list)
        self._by_folded: dict[str, list[_Known]] = defaultdict(list)
        for each in self._by_id.values():
            self._by_name[each.name].append(each)
            for folded in {each.name.casefold(), each.key.casefold()}:
                self._by_folded[folded].append(each)

    def name_of(self, key: str) -> str | None:
        return (self._by_id[key].name or None) if key in self._by_id else None

    def id_of(self, name: str) -> str:
        """Return the id of what has this id or name, or this name in another case.

        If several have the name, one that exists wins; of those that were deleted and created
        again, the last one. Raises UnknownNameError, with suggestions, if none or several match.
        """
        if name in self._by_id:
            return name
        if candidates := self._by_name.get(name) or self._by_folded.get(name.casefold()):
            return self._only(name, [each for each in candidates if each.exists] or candidates)
        raise self._error(f"There is no {self._kind} named {name}. {self._suggestion(name)}")

    def _only(self, name: str, candidates: Sequence[_Known]) -> str:
        is_one_place = len({each.full_name for each in candidates}) == 1
        if is_one_place and not any(each.exists for each in candidates):
            return max(candidates, key=lambda each: each.first_seen_at).key
        if len(candidates) > 1:
            ids = ", ".join(sorted(each.key for each in candidates))
            raise self._error(
                f"{len(candidates)} {self._kind}s are named {name}; use an id: {ids}."
            )
        return candidates[0].key

    def _suggestion(self, name: str) -> str:
        known = list(self._by_id.values())[:_COMPARED]
        words = [word for each in known for word in each[:2] if word]
        return did_you_mean(name, words) or f"`{self._listing}` lists all."

    def _error(self, message: str) -> UnknownNameError:
        is_connector = self._kind == "connector"
        return UnknownConnectorError(message) if is_connector else UnknownNameError(message)


def connector_id(connection: Connection, name: str) -> str:
    """Return the id of the connector with this id or name: see `Names.id_of`."""
    current = CONNECTORS.current.c
    found = connection.scalar(select(current.connector_id).where(current.connector_id == name))
    return connector_names(connection).id_of(name) if found is None else str(found)


def connector_names(connection: Connection) -> Names:
    c = CONNECTORS.current.c
    statement = select(
        *(c.connector_id, c.schema_name, c.removed_at.is_(None), c.first_seen_at),
        *(c.account_id, c.group_id, c.service),
    )
    known = [
        _Known(connector_id, name or "", exists, (*place, name), since)
        for connector_id, name, exists, since, *place in connection.execute(statement)
    ]
    return Names("connector", known, "inventory status")


def account_names(connection: Connection) -> Names:
    accounts = select(ACCOUNTS.c.account_id, ACCOUNTS.c.account_name)
    return Names(
        "account", _named(connection, accounts), _query("account_id, account_name", "accounts")
    )


def group_names(connection: Connection) -> Names:
    """Include groups of connectors that the list of groups does not show."""
    g = GROUPS.current.c
    of_connectors = select(CONNECTORS.current.c.group_id, null()).distinct()
    listed = select(g.group_id, g.group_name, g.removed_at.is_(None))
    known = [*_named(connection, of_connectors), *_named(connection, listed)]
    return Names("group", known, _query("group_id, group_name", "groups"))


def service_names(connection: Connection) -> Names:
    """Include connector types that have no connector yet, if runs read them."""
    t = CONNECTOR_TYPES.c
    of_connectors = select(CONNECTORS.current.c.service, null()).distinct()
    listed = select(t.service, t.service_name)
    known = [*_named(connection, of_connectors), *_named(connection, listed)]
    return Names("service", known, _query("distinct service", "connectors"))


# By the scope of a tag.
NAMES_OF: dict[str, Callable[[Connection], Names]] = {
    "account": account_names,
    "group": group_names,
    "service": service_names,
    "connector": connector_names,
}


def _named(connection: Connection, statement: Any) -> list[_Known]:
    return [
        _Known(key, name or "", *exists)
        for key, name, *exists in connection.execute(statement)
        if key is not None
    ]


def _query(columns: str, table: str) -> str:
    return f'inventory query "select {columns} from {table}"'
