"""The dashboard in Grafana's own models, which its developers generate from Grafana's schemas.

They reject nothing: what they do not know gets lost. So a misspelled option would be lost here.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

import inventory

FILE = Path(inventory.__file__).parent / "dashboards" / "grafana.json"
# Of a dashboard that was exported to be imported elsewhere, and of the editor of variables.
OF_EXPORTS = {"/__elements", "/__requires", "/id"}
OF_THE_EDITOR = {f"/templating/list/{number}/definition" for number in range(10)}


def test_grafana_knows_every_option_of_the_dashboard() -> None:
    board = json.loads(FILE.read_text("utf-8"))
    assert {*lost(board, known_to_grafana(board))} - OF_EXPORTS - OF_THE_EDITOR == set()


def test_misspelled_option_is_found() -> None:
    board = json.loads(FILE.read_text("utf-8"))
    table = next(number for number, each in enumerate(board["panels"]) if each["type"] == "table")
    board["panels"][table]["options"]["showHeaders"] = True
    found = {*lost(board, known_to_grafana(board))} - OF_EXPORTS - OF_THE_EDITOR
    assert found == {f"/panels/{table}/options/showHeaders"}


def known_to_grafana(board: dict[str, Any]) -> Any:
    register_default_plugins()  # the kinds of panels
    return json.loads(JSONEncoder().encode(Dashboard.from_json(board)))


def lost(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of what is missing in `after`, or differs."""
    if isinstance(before, dict) and isinstance(after, dict):
        pairs: list[tuple[Any, Any]] = [*before.items()]
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = [*enumerate(before)]
        after = dict(enumerate(after))
    else:
        if before != after:
            yield path
        return
    for name, value in pairs:
        if name in after:
            yield from lost(value, after[name], f"{path}/{name}")
        else:
            yield f"{path}/{name}"
