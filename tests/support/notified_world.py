"""A world of 40 runs that people are told of: what happens, to which connectors, in which run.

Runs are half an hour apart, from 6 o'clock in Berlin; run 37 is on the next day at 7 o'clock. An
outage is announced when it has lasted 40 minutes, that is two runs after the one that saw it first.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from support.builders import Account, Item, item
from support.references import connector_type, destination, group, serve

RUNS = range(1, 41)
START = datetime(2026, 11, 2, 5, tzinfo=UTC)
ZONE = "Europe/Berlin"
STEP = timedelta(minutes=30)
NIGHT_ENDS = 37, START + timedelta(hours=25)

# Connectors by service and group.
ROSTER = {
    ("hubspot", "sales"): ("calm",),
    ("stripe", "sales"): ("blip", "brief"),
    ("shopify", "sales"): ("shop1", "shop2", "shop3"),
    ("jira", "sales"): ("flappy",),
    ("zendesk", "sales"): ("past",),
    ("gong", "sales"): ("victim",),
    ("marketo", "sales"): ("late",),
    ("netsuite", "sales"): ("night",),
    ("mysql", "ops"): ("longone",),
    ("github", "ops"): ("pauser",),
    ("salesforce", "ops"): ("goner",),
    ("s3", "ops"): ("muted",),
    ("postgres", "prod"): ("p1", "p2", "p3", "p4", "p5", "p6", "p7"),
}
PLACE = {name: place for place, names in ROSTER.items() for name in names}

# Whose syncs fail in which runs, and whose setup is broken.
FAILING: dict[str, set[int]] = {
    "calm": {21, 22, 23},
    "blip": {5},
    "past": {11, 12},
    "longone": {*range(3, 35)},
    "pauser": {*range(4, 9)},
    "goner": {*range(4, 10)},
    "muted": {*range(5, 13)},
    "flappy": {2, 4, 6},
    "shop1": {*range(14, 18)},
    "shop2": {*range(14, 22)},
    "shop3": {*range(14, 22)},
    "victim": {*range(27, 34)},
    "late": {*range(33, 38)},
    "night": {36, 37},
    "brief": {37},
}
BROKEN = {"calm": {*range(3, 8), 24, 25}}
PAUSED = {"pauser": {*range(9, 41)}}
DELETED = {"goner": {*range(10, 41)}}
DESTINATION_BROKEN = {*range(14, 20)}
API_DOWN = {27, 28, 29}  # each request is answered with an error that may pass
KEY_REVOKED = {40}
PROD_IS_MISSING = {35}  # all of a group, so that removals are withheld
NOT_NOTIFIED = {37, 38}  # runs without `inventory notify`
MAIL_REFUSED = {5, 6}


class Tag(NamedTuple):
    scope: str
    scope_id: str
    name: str
    value: str


def at(run: int) -> datetime:
    """When a run takes place."""
    number, since = NIGHT_ENDS
    return START + (run - 1) * STEP if run < number else since + (run - number) * STEP


TAGS = (
    Tag("group", "sales", "owner", "growth"),
    Tag("group", "ops", "owner", "finance"),
    Tag("connector", "calm", "tier", "1"),
    Tag("connector", "longone", "tier", "2"),
    Tag("service", "hubspot", "runbook_url", "https://runbooks.example.com/hubspot"),
    Tag("connector", "muted", "mute_until", f"{at(9) - timedelta(minutes=1):%Y-%m-%dT%H:%M:%SZ}"),
)


def let_it_be(account: Account, run: int) -> None:
    """Let the account be what it is in this run."""
    status = "broken" if run in DESTINATION_BROKEN else "connected"
    serve(
        account,
        groups=[group(name, name=name.title()) for name in ("sales", "ops", "prod")],
        destinations=[
            destination("prod", setup_status=status),
            *(destination(name) for name in ("sales", "ops")),
        ],
        connector_types=[connector_type(service, name=service.title()) for service, _ in ROSTER],
    )
    account.connectors = [*_connectors(run)]


def _connectors(run: int) -> Iterator[Item]:
    for name, (service, place) in PLACE.items():
        is_missing = place == "prod" and run in PROD_IS_MISSING
        if not is_missing and run not in DELETED.get(name, ()):
            yield _connector(name, service, place, run)


def _connector(name: str, service: str, place: str, run: int) -> Item:
    more: dict[str, Any] = {}
    if run in FAILING.get(name, ()):
        more["failed_at"] = f"{at(run) - timedelta(minutes=5):%Y-%m-%dT%H:%M:%SZ}"
    if run in BROKEN.get(name, ()):
        tasks = [{"code": "reconnect", "message": "Log in."}]
        more["status"] = {"setup_state": "broken", "tasks": tasks}
    return item(
        name,
        schema=f"{name}_data",
        service=service,
        group_id=place,
        paused=run in PAUSED.get(name, ()),
        sync_frequency=1440,
        succeeded_at=f"{START - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}",
        **more,
    )
