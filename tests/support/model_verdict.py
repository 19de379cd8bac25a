"""What a run must make of what the API sent."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from support.model_answers import UNAVAILABLE, UNUSABLE, body, code_of, failure
from support.model_details import Details, asked_for
from support.model_lists import PATHS, Listed
from support.model_values import Item

# Pairs of request and answer, in the order in which they passed.
Said = Iterator[tuple[Any, Any]]


class Verdict(NamedTuple):
    """What must become of a run: its row in the log, what counts of what it read, who is gone.

    `listed` are the items of the walk, `alive` those of connectors that it missed; `gone` has those
    that are removed, and why. `details` are what single connectors were asked for after that.
    """

    row: dict[str, Any]
    listed: dict[str, Item]
    alive: dict[str, Item]
    gone: dict[str, str]
    lists: dict[str, Listed]
    details: Details

    def failed(self, code: str) -> "Verdict":
        traffic = {name: self.row[name] for name in ("requests", "walks")}
        return nothing(traffic | {"status": "failed", "error_code": code})


def nothing(row: dict[str, Any]) -> Verdict:
    return Verdict(row, {}, {}, {}, {}, Details({}, False))


def verdict(
    said: list[Any], attempts: int, held: dict[str, str | None], rules: Any, wanted: list[str]
) -> Verdict:
    """`held` are the account's connectors with their groups, `rules` when to believe removals.

    `wanted` are the lists beside the connectors that it had to read.
    """
    traffic = {"requests": len(said)}
    said, details = asked_for(said, [*PATHS.values()])
    refused: list[Any] = []
    answers = settled(said, attempts, refused)
    walk, walks = walked(answers), 1
    if walk.duplicates and not walk.failure:
        again, walks = walked(answers), 2
        walk = walk if again.failure == UNAVAILABLE else again
    traffic |= {"walks": walks}
    if walk.failure:
        return nothing(traffic).failed(walk.failure)
    missing = held.keys() - walk.shown.keys()
    alive, gone, withheld, code = {}, {}, 0, None
    if is_doubted(walk.shown, missing, held, rules):
        withheld, code = len(missing), "removals_withheld"
    elif missing and not walk.duplicates:
        alive, gone = looked_up(answers, missing, walk.shown, rules.max_lookups)
    lists = read_lists(answers, wanted, refused)
    assert next(answers, None) is None, "it asked for more than it had to know"
    row = traffic | {
        "status": "withheld" if withheld else "succeeded",
        "error_code": code,
        "connectors_seen": len(walk.shown) + len(alive),
        "duplicates": walk.duplicates,
        "withheld": withheld,
        "unconfirmed": 0 if withheld else len(missing) - len(alive) - len(gone),
        "details_read": sum(item is not None for item in details.items.values()),
        "details_failed": sum(item is None for item in details.items.values()),
    }
    return Verdict(row, walk.shown, alive, gone, lists, details)


def settled(said: list[Any], attempts: int, refused: list[Any]) -> Said:
    """The last answer to each request; what was no use before it has been asked for again.

    Requests that were refused for the rate limit go to `refused` as they pass.
    """
    tries: list[Any] = []
    for request, answer in said:
        tries.append((request.path, request.query))
        refused += [request] if answer.status == 429 else []
        assert tries.count(tries[0]) == len(tries), "it gave up early"
        if failure(answer) not in (UNAVAILABLE, UNUSABLE) or len(tries) == attempts:
            yield request, answer
            tries = []
    assert not tries, "it gave up early"


class Walk(NamedTuple):
    """The items of one walk by id, how many came again, and what it failed with."""

    shown: dict[str, Item]
    duplicates: int
    failure: str | None


def walked(answers: Said, path: str = "/v1/connectors") -> Walk:
    """Read pages until one is no use, names none after it, or one that was named before."""
    shown: dict[str, Item] = {}
    duplicates, cursors = 0, [None]
    for request, answer in answers:
        assert (request.path, request.query.get("cursor")) == (path, cursors[-1])
        if wrong := failure(answer):
            return Walk(shown, duplicates, wrong)
        page = body(answer)["data"]
        for item in page["items"]:
            duplicates += item["id"] in shown
            shown[item["id"]] = item
        cursor = page.get("next_cursor")
        if cursor is None or cursor in cursors:
            return Walk(shown, duplicates, UNUSABLE if cursor else None)
        cursors.append(cursor)
    raise AssertionError("it did not read to the end")


def is_doubted(shown: Item, missing: set[str], held: dict[str, str | None], rules: Any) -> bool:
    if rules.accept or not missing:
        return False
    many = 100 * len(missing) > rules.max_missing_percent * len(held)
    groups, lost = Counter(held.values()), Counter(held[key] for key in missing)
    whole = [group for group in lost if group is not None and lost[group] == groups[group]]
    return (
        not shown
        or (many and len(missing) >= rules.max_missing_count)
        or any(lost[group] >= rules.max_missing_group for group in whole)
    )


def looked_up(
    answers: Said, missing: set[str], shown: Item, most: int
) -> tuple[dict[str, Item], dict[str, str]]:
    """What single questions brought to light: items of the living, and who is gone and why."""
    alive: dict[str, Item] = {}
    gone: dict[str, str] = {}
    left, served = set(missing), None
    for _ in range(min(most, len(missing))):
        request, answer = next(answers)
        connector_id = request.path.rsplit("/", 1)[1]
        left.remove(connector_id)
        wrong, code = failure(answer), code_of(answer)
        if code in ("NotFound", "Forbidden") and served is None:
            proof = proven(answers, [*shown, *alive])
            wrong, served = proof or wrong, None if proof == UNUSABLE else proof is None
        if wrong == UNAVAILABLE:
            break
        if wrong is None and is_of(answer, connector_id):
            alive[connector_id] = body(answer)["data"]
        elif code == "NotFound_Connector" or (code == "NotFound" and served):
            gone[connector_id] = "deleted"
        elif code == "Forbidden" and served:
            gone[connector_id] = "not_visible"
    return alive, gone


def read_lists(answers: Said, wanted: list[str], refused: list[Any]) -> dict[str, Listed]:
    """Read these lists. Where the rate limit is reached, an outage ends the reading."""
    lists: dict[str, Listed] = dict.fromkeys(wanted)
    for name in wanted:
        walk = walked(answers, PATHS[name])
        lists[name] = None if walk.failure else walk.shown
        if walk.failure == UNAVAILABLE and refused:
            break
    return lists


def proven(answers: Said, known: list[str]) -> str | None:
    """Where no single one is served, all look gone: it counts if a known one is."""
    if not known:
        return "configuration"
    request, answer = next(answers)
    assert request.path.endswith(f"/{known[0]}")
    return failure(answer) or (None if is_of(answer, known[0]) else "configuration")


def is_of(answer: Any, connector_id: str) -> bool:
    """Whether an answer tells of this connector, and not of another one."""
    return bool(body(answer)["data"].get("id") == connector_id)
