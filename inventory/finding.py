"""Which connector a person means: by its id, or by its name where that is the name of one."""

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import NamedTuple

from sqlalchemy import Connection, select

from inventory.errors import FixSettings
from inventory.models import CONNECTORS

_COMPARED = 10_000  # names that a wrong one is compared with: it takes a second for more


class UnknownConnector(FixSettings):
    """No connector, or more than one, is called so."""

    code = "unknown_connector"


class _Known(NamedTuple):
    connector_id: str
    name: str
    exists: bool


def connector_id(connection: Connection, name: str) -> str:
    """Return the id of the connector that is called so, by id, name, or name in other letters.

    Of equal names that of a connector that exists is meant. Raises UnknownConnector, which lists
    those that could be meant.
    """
    current = CONNECTORS.current.c
    found = connection.scalar(select(current.connector_id).where(current.connector_id == name))
    if found is not None:
        return str(found)
    columns = (current.connector_id, current.schema_name, current.removed_at.is_(None))
    known = [
        _Known(key, of or "", exists) for key, of, exists in connection.execute(select(*columns))
    ]
    alike: tuple[Callable[[_Known], bool], ...] = (
        lambda each: each.name == name,
        lambda each: name.casefold() in (each.name.casefold(), each.connector_id.casefold()),
    )
    for is_meant in alike:
        if meant := [each for each in known if is_meant(each)]:
            return _only(name, [each for each in meant if each.exists] or meant)
    raise UnknownConnector(f"No connector is called {name}.{_near(name, known)}")


def _only(name: str, meant: Sequence[_Known]) -> str:
    if len(meant) > 1:
        ids = ", ".join(sorted(each.connector_id for each in meant))
        raise UnknownConnector(f"{name} is the name of {len(meant)} connectors; use an id: {ids}.")
    return meant[0].connector_id


def _near(name: str, known: Sequence[_Known]) -> str:
    """Suggest what is spelled alike, or else what holds the name as a part."""
    folded = name.casefold()
    spelled = {word.casefold(): word for each in known[:_COMPARED] for word in each[:2] if word}
    near = get_close_matches(folded, spelled, n=3) or [
        word for word in sorted(spelled, key=len) if folded and folded in word
    ]
    return f" Do you mean {' or '.join(spelled[word] for word in near[:3])}?" if near else ""
