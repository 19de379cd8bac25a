"""What details are to add to items of the list, and which connectors a run may ask for.

A field that the list tells is the list's; any other is that of the details, and stays as it is
until details are read again. A null of what the API may leave out tells nothing.
"""

import json
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from support.model_answers import body, failure
from support.model_values import Item

OPTIONAL = {"config", "connect_card_config", "source_sync_details"}
ALERTS = {"warnings", "tasks", "setup_tests"}
OF_LIST = {"id", "status", "connect_card", "succeeded_at", "failed_at", "warnings", "tasks"}
MAX_AGE = timedelta(days=1)
MAX_FAILURES = 10  # in a row from the first on


class Details(NamedTuple):
    """The connectors asked for in their order, each with what came; None = nothing useful.

    `is_refused`: whether the quota was used up meanwhile, so that no more were asked for.
    """

    items: dict[str, Item | None]
    is_refused: bool


class Known(NamedTuple):
    """What was last read of a connector, as texts: all of its item, and its settings."""

    item: str
    settings: str


def asked_for(said: list[Any], paths: list[str]) -> tuple[list[Any], Details]:
    """Split off the requests for details: those after the last request for a list."""
    last = max((n for n, (request, _) in enumerate(said) if request.path in paths), default=None)
    if last is None:
        return said, Details({}, False)
    items: dict[str, Item | None] = {}
    for request, answer in said[last + 1 :]:
        connector_id = request.path.rsplit("/", 1)[1]
        assert connector_id not in items, "it asked for one twice"
        item = None if failure(answer) else body(answer).get("data")
        items[connector_id] = item if item and item.get("id") == connector_id else None
    return said[: last + 1], Details(items, any(answer.status == 429 for _, answer in said))


def known(item: Item) -> Known:
    """Two items for which it is equal are the same to a run: a connect card is always new."""
    card = {"connect_card": ""} if "connect_card" in item else {}
    settings = {
        name: value
        for name, value in item.items()
        if name not in ("id", "connect_card", "succeeded_at", "failed_at", "setup_tests", "status")
        or (name == "setup_tests" and not isinstance(value, list | None))
        or (name == "status" and not isinstance(value, dict | None))
    }
    return Known(json.dumps(item | card), json.dumps(settings))


def told(item: Item) -> set[str]:
    return {name for name in item if not (name in OPTIONAL | ALERTS and item[name] is None)}


def added(listed: Item, details: Item) -> Item:
    """What details tell beside the list."""
    return {name: details[name] for name in told(details) - told(listed) - OF_LIST}


def kept(names: set[str], listed: Item, facts: dict[str, Any]) -> Item:
    """What is stored of fields that only details tell, in the words of the API."""
    found: Item = {}
    for name in names - told(listed):
        value = facts.get("schema_name" if name == "schema" else name)
        if name in (facts["extra"] or {}):
            found[name] = facts["extra"][name]
        elif name not in OPTIONAL and value is not None:
            found[name] = value.isoformat() if isinstance(value, datetime) else value
    return found


def assert_well_chosen(
    details: Details, listed: dict[str, Item], changed: set[str], due: set[str], budget: int
) -> None:
    """Those asked for may be asked for, and as many as the budget allows; new settings come first.

    `changed` are the connectors with new settings, `due` those whose details are old or missing.
    """
    silent = {key for key in listed if listed[key].get("config") is None}
    may, asked = silent & (changed | due), {*details.items}
    assert asked <= may, "it asked for one that needs nothing"
    assert len(asked) <= budget
    first = [*details.items.values()][:MAX_FAILURES]
    if details.is_refused or (len(first) == MAX_FAILURES and not any(first)):
        return
    if len(changed | due) <= budget:
        assert asked == may, "it left one out"
    if len(changed) <= budget:
        assert asked >= silent & changed, "it left one out that has changed"
