"""Finds the connector that a person names, by id or by schema name."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, select

from inventory.errors import ConfigurationError
from inventory.models import CONNECTORS
from inventory.suggestions import did_you_mean

_COMPARED = 10_000  # connectors whose names a misspelled one is compared with, within a second


class UnknownConnectorError(ConfigurationError):
    """No connector has this name, or more than one."""

    code = "unknown_connector"


class _Known(NamedTuple):
    connector_id: str
    name: str
    exists: bool
    full_name: tuple[str | None, ...]
    first_seen_at: datetime


def connector_id(connection: Connection, name: str) -> str:
    """Return the id of the connector with this id or name, or with this name in another case.

    If several have the name, one that exists wins; of those that were deleted and created again,
    the last one. Raises UnknownConnectorError, with suggestions, if none or several match.
    """
    current = CONNECTORS.current.c
    found = connection.scalar(select(current.connector_id).where(current.connector_id == name))
    if found is not None:
        return str(found)
    known = _known(connection)
    rules: tuple[Callable[[_Known], bool], ...] = (
        lambda each: each.name == name,
        lambda each: name.casefold() in (each.name.casefold(), each.connector_id.casefold()),
    )
    for matches in rules:
        if candidates := [each for each in known if matches(each)]:
            return _only(name, [each for each in candidates if each.exists] or candidates)
    raise UnknownConnectorError(f"There is no connector named {name}. {_suggestion(name, known)}")


def _known(connection: Connection) -> list[_Known]:
    current = CONNECTORS.current.c
    statement = select(
        current.connector_id,
        current.schema_name,
        current.removed_at.is_(None),
        current.first_seen_at,
        current.account_id,
        current.group_id,
        current.service,
    )
    return [
        _Known(connector_id, name or "", exists, (*place, name), since)
        for connector_id, name, exists, since, *place in connection.execute(statement)
    ]


def _only(name: str, candidates: Sequence[_Known]) -> str:
    is_one_place = len({each.full_name for each in candidates}) == 1
    if is_one_place and not any(each.exists for each in candidates):
        return max(candidates, key=lambda each: each.first_seen_at).connector_id
    if len(candidates) > 1:
        ids = ", ".join(sorted(each.connector_id for each in candidates))
        raise UnknownConnectorError(
            f"{len(candidates)} connectors are named {name}; use an id: {ids}."
        )
    return candidates[0].connector_id


def _suggestion(name: str, known: Sequence[_Known]) -> str:
    words = [word for each in known[:_COMPARED] for word in each[:2] if word]
    return did_you_mean(name, words) or "`inventory status` lists all."
