"""What the totals of accounts must be, by what the tables tell while nothing is pruned."""

from collections import Counter
from typing import Any

from support.builders import Contents

Totals = tuple[int, int, int]  # requests, outages opened and closed


def assert_totals_add_up(held: Contents) -> None:
    """Requests are those of the runs, outages those of the view.

    An outage stays with the account whose run saw it, a connector may move to another account.
    """
    found, expected = totals(held), _expected(held)
    assert {name: each[0] for name, each in found.items()} == {
        name: expected["requests"][name] for name in found
    }
    for place, what in ((1, "opened"), (2, "closed")):
        assert sum(each[place] for each in found.values()) == expected[what].total(), what


def totals(held: Contents) -> dict[str, Totals]:
    return {
        row["account_id"]: (row["requests"], row["outages_opened"], row["outages_closed"])
        for row in held["accounts"]
    }


def _expected(held: Contents) -> dict[str, Counter[Any]]:
    requests: Counter[Any] = Counter()
    for run in held["inventory_runs"]:
        requests[run["account_id"]] += run["requests"]
    ended = [row["connector_id"] for row in held["incidents"] if row["ended_at"] is not None]
    opened = [row["connector_id"] for row in held["incidents"]]
    return {"requests": requests, "opened": Counter(opened), "closed": Counter(ended)}
