"""An account in which things happen, and all that may be said of what is in it."""

import copy
import random
from datetime import timedelta
from typing import Any, NamedTuple

from support.builders import Account, FakeClock, Item, item
from support.reference_model import VOLATILE
from support.references import PATHS

ABSENT = "(no such field)"
EARLY, LATE = "2026-11-20T01:00:00Z", "2026-11-20T04:30:00.250+01:00"
WORDS = ("x", "y", None, ABSENT)
WARNING = {"code": "w", "message": "m", "details": {"tables": [1, 2.5]}}
OTHER = {"code": "w", "message": "n", "since": "today"}
PASSED, FAILED = ({"title": "t", "status": word, "message": "m"} for word in ("PASSED", "FAILED"))
ALERTS = ([], [WARNING, OTHER], [OTHER, WARNING, WARNING], None, ABSENT)


class Near(NamedTuple):
    """A time that is so many minutes after the clock when it is said."""

    minutes: int


# The deadlines of some pass between two runs, and that of a few just when one looks.
TIMES = (EARLY, LATE, None, ABSENT, *map(Near, (-3000, -180, -120, -60, -1, 0)))
# What can be read is read, and what cannot be ends nothing.
TIMES += ("2026-11-20t01:00:60z", 1795136400, "2026-11-20T01:00:00", "", "soon", {})


def schedule(kind: Any, **words: Any) -> Item:
    return {"schedule_type": kind} | words


DAYS = ["MONDAY", "wed", "FRI", "THURSDAY"]
SCHEDULES = (
    schedule("INTERVAL", interval=30),
    schedule("interval", interval="60", days_of_week=DAYS),
    schedule("TIME_OF_DAY", time_of_day="06:30"),
    schedule("TIME_OF_DAY", time_of_day="23:59", days_of_week=["SUN", "MON"]),
    schedule("CRON", cron="0 6 * * 1-5"),
    schedule("CRON", cron=["1 2 * * *", "0 */6 1,15 * *"]),
    schedule("MANUAL"),
    # Those that nobody can reckon with.
    schedule("INTERVAL", interval=0),
    schedule("TIME_OF_DAY", time_of_day="25:00"),
    schedule("TIME_OF_DAY", time_of_day="06:30", days_of_week=["someday"]),
    schedule("CRON", cron="0 0 30 2 *"),
    schedule("CRON", cron=["1 2 * * *", "when it rains"]),
    schedule("SOMETIMES", interval=30),
    {"cron": ["1 2 * * *"]},
    "daily",
)

OF_CONNECTOR = {
    "group_id": ("a", "b", None, ABSENT),
    "paused": (True, False, "true", "no", None, ABSENT),
    "pause_after_trial": (True, False),
    "created_at": (EARLY, LATE, None, ABSENT),
    "connect_card": ({"token": "t", "uri": "u"}, ABSENT),
    "novelty": (
        {"deep": [1, {"er": None}]},
        {"deep": ["1", {"er": ""}]},
        "plain",
        "",
        None,
        ABSENT,
    ),
    "status": (None, ABSENT, "fine"),
    **dict.fromkeys(("service_version", "data_delay_threshold"), (5, 60, None)),
    **dict.fromkeys(("service", "schema", "connected_by"), WORDS),
    **dict.fromkeys(("data_delay_sensitivity", "networking_method"), (*WORDS, "X", "", 7)),
    **dict.fromkeys(("private_link_id", "proxy_agent_id"), WORDS),
    **dict.fromkeys(("hybrid_deployment_agent_id", "local_processing_agent_id"), WORDS),
}
OF_STATUS = {
    "setup_state": ("connected", "Connected", "incomplete", "broken", "BROKEN", 7, None, ABSENT),
    "sync_state": ("scheduled", "syncing", "paused", "rescheduled", *WORDS),
    "update_state": ("on_schedule", "delayed", "Delayed", *WORDS),
    "schema_status": ("ready", "blocked_on_capture", "BLOCKED_ON_CAPTURE", "", *WORDS),
    "is_historical_sync": (True, False, None),
    "rescheduled_for": (EARLY, LATE, None, "soon", Near(-30), Near(30)),
    "status_novelty": ([1], ["1"], [], ABSENT),
}
# When it syncs, and when it has.
OF_SYNCS = {
    "schedule": (*SCHEDULES, *[None, ABSENT] * 4),
    "schedule_type": (*["auto", "manual"] * 3, "AUTO", "Manual", 7, *WORDS),
    "sync_frequency": (5, 60, 1440, "60", "often", None),
    "daily_sync_time": ("06:00", *WORDS),
    "succeeded_at": TIMES,
    "failed_at": TIMES,
}
WELL = {
    "setup_state": "connected",
    "sync_state": "scheduled",
    "update_state": "on_schedule",
    "schema_status": "ready",
    "is_historical_sync": False,
    "paused": False,
    "failed_at": None,
    "schedule_type": "auto",
    "schedule": None,
}
# What may be otherwise with one that is well. Health depends on more than one field at once.
FATES = (
    {},
    {"paused": True},
    {"setup_state": "incomplete"},
    {"setup_state": "broken"},
    {"sync_state": "syncing", "succeeded_at": None},
    {"sync_state": "syncing", "is_historical_sync": True},
    {"schema_status": "blocked_on_capture"},
    {"failed_at": Near(0)},
    {"update_state": "delayed"},
    {"succeeded_at": None},
    {"sync_state": "rescheduled"},
    *(
        {"sync_state": "rescheduled", "schedule_type": "manual", "rescheduled_for": Near(minutes)}
        for minutes in (-30, 0, 30, 600)
    ),
)
# What the API may omit or send as null.
OBJECTS = {
    "config": (
        *({}, {"host": "h"}, {"host": "i", VOLATILE: 1}, {VOLATILE: 2}, None, ABSENT, "none"),
        *({"host": "h", "port": 1}, {"host": "h", "port": "1", "user": "******"}, {"user": None}),
    ),
    "connect_card_config": ({}, {"redirect_uri": "u"}, None, ABSENT),
    "source_sync_details": ({}, {"rows": 3}, None, ABSENT),
}
LISTS = {
    "warnings": ALERTS,
    "tasks": ALERTS,
    "setup_tests": ([], [FAILED, PASSED], [PASSED, FAILED, PASSED], None, ABSENT),
}
# What the items of other lists may say; the first three novelties mean the same.
NOVELTIES = ({"deep": [1]}, {"deep": ["1"], "c": None}, {"deep": [1.0]}, "plain", ABSENT)
OF_LISTS = {
    "groups": {
        "name": ("G", "H", "", None, ABSENT),
        "created_at": (EARLY, LATE, "soon", None, ABSENT),
        "novelty": NOVELTIES,
    },
    "destinations": {
        "setup_status": (*["broken", "BROKEN", "connected"] * 3, "incomplete", 7, None, ABSENT),
        "time_zone_offset": ("+1", "-5", "+5:30", "+14", "-12", "soon", "", None, ABSENT),
        "daylight_saving_time_enabled": (True, False, "true", "often", None, ABSENT),
        "networking_method": ("Directly", "directly", "SshTunnel", "", None, ABSENT),
        "group_id": ("a", "b", ABSENT),
        "novelty": NOVELTIES,
        **dict.fromkeys(("service", "region", "private_link_id"), WORDS),
    },
    "users": {
        "active": (True, False, "often", None),
        "logged_in_at": (EARLY, LATE, None, ABSENT),
        **dict.fromkeys(("email", "given_name", "role", "phone"), WORDS),
    },
    "connector_types": dict.fromkeys(("name", "type", "service_status", "icons"), WORDS),
}
LISTED = tuple("aabbcd")
# Fields that a list may leave to the details.
UNTOLD = (
    *("config", "config", "setup_tests", "source_sync_details", "connect_card_config"),
    *("schedule", "schedule_type", "sync_frequency", "group_id", "networking_method", "novelty"),
    *("created_at", "service_version", "paused", "schema"),
)
IN_STATUS = {*OF_STATUS, "warnings", "tasks"}
GROUPS = ("a", "b", None)
NAMES = tuple(f"c{number}" for number in range(9))
SHARED = NAMES[-1]  # may be in both accounts

# A verb of World, and its words.
Change = tuple[Any, ...]


class World(Account):
    """An account in which things happen. What was deleted returns as it was."""

    def __init__(self, account_id: str, clock: FakeClock) -> None:
        super().__init__()
        self.account_id = account_id
        self._clock = clock
        self._hidden: set[str | None] = set()
        self._deleted: dict[str, Item] = {}
        self._unlisted: dict[str, list[Item]] = {}
        self._untold: set[str] = set()

    def items(self) -> list[Item]:
        return [
            {name: value for name, value in one.items() if name not in self._untold}
            for one in self._shown()
        ]

    def details(self, connector_id: str) -> Item | None:
        return next((one for one in self._shown() if one["id"] == connector_id), None)

    def _shown(self) -> list[Item]:
        return [one for one in self.connectors if one.get("group_id") not in self._hidden]

    def has(self, name: str) -> bool:
        """Whether it exists, be it hidden or not."""
        return any(one["id"] == name for one in self.connectors)

    def _named(self, name: str) -> str:
        return name if name == SHARED else f"{self.account_id}_{name}"

    def _group(self, name: str | None) -> str | None:
        return name if name in (None, ABSENT) else f"{self.account_id}_{name}"

    def change(self, changes: list[Change]) -> None:
        for verb, *words in changes:
            getattr(self, verb)(*words)

    def create(self, name: str, group: str | None, at_front: bool) -> None:
        """At the front it shifts all others: a walk sees the end of its last page again."""
        name = self._named(name)
        if not self.has(name):
            new = self._deleted.pop(name, None) or item(
                name, group_id=self._group(group), succeeded_at=self._said(Near(-60))
            )
            self.connectors.insert(0 if at_front else len(self.connectors), new)

    def delete(self, name: str) -> None:
        """All behind it move up: a walk that is past it skips one that lives."""
        name = self._named(name)
        for one in [one for one in self.connectors if one["id"] == name]:
            self.connectors.remove(one)
            self._deleted[name] = one

    def alter(self, place: int, *fields: tuple[str, Any]) -> None:
        """Say something else of every second connector from that place on."""
        for one in self.connectors[place::2]:
            for name, value in fields:
                if name in IN_STATUS:
                    status = one.get("status")
                    one["status"] = status if isinstance(status, dict) else {}
                self._say(one["status"] if name in IN_STATUS else one, name, value)

    def _say(self, section: Item, name: str, value: Any) -> None:
        section[name] = self._said(self._group(value) if name == "group_id" else value)
        if value == ABSENT:
            del section[name]

    def _said(self, value: Any) -> Any:
        if isinstance(value, Near):
            return (self._clock.now + timedelta(minutes=value.minutes)).isoformat()
        return copy.deepcopy(value)

    def become(self, place: int, minutes: int, frequency: Any, fate: Item) -> None:
        """Let every second connector have synced so many minutes ago, and be well but for that."""
        synced = {"succeeded_at": Near(-minutes), "sync_frequency": frequency}
        self.alter(place, *(WELL | synced | fate).items())

    def shuffle(self, number: int) -> None:
        random.Random(number).shuffle(self.connectors)

    def hide(self, group: str | None) -> None:
        self._hidden.add(self._group(group))

    def show(self, group: str | None) -> None:
        self._hidden.discard(self._group(group))

    def untell(self, *fields: str) -> None:
        """Leave fields to the details of single connectors."""
        self._untold.update(fields)

    def tell(self, *fields: str) -> None:
        self._untold.difference_update(fields)

    # --- the other lists ----------------------------------------------------------------------

    def enlist(self, name: str, word: str, *fields: tuple[str, Any]) -> None:
        """Say something of an item of another list, which is there from now on."""
        key = word if name == "connector_types" else f"{self.account_id}_{word}"
        items = self._list(name)
        if not any(one["id"] == key for one in items):
            items.append({"id": key})
        [one] = (one for one in items if one["id"] == key)
        for field, value in fields:
            self._say(one, field, value)

    def unlist(self, name: str, *words: str) -> None:
        items = self._list(name)
        items[:] = [one for one in items if one["id"].rsplit("_", 1)[-1] not in words]

    def withhold(self, name: str) -> None:
        """Serve a list no more: it is as if it did not exist."""
        if PATHS[name] in self.lists:
            self._unlisted[name] = self.lists.pop(PATHS[name])

    def serve(self, name: str) -> None:
        self.lists.setdefault(PATHS[name], self._unlisted.pop(name, []))

    def _list(self, name: str) -> list[Item]:
        """The items of a list, be it served or not."""
        if PATHS[name] in self.lists:
            return self.lists[PATHS[name]]
        return self._unlisted.setdefault(name, [])
