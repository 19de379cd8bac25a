"""Items of the API at random, in the shapes that have been seen."""

import random

from support.builders import Item, item


def some_item(rng: random.Random, number: int) -> Item:
    """An item of the shapes that have been seen: sections present, absent, empty and repeated."""
    made = item(f"connector_{number:07d}")
    for _ in range(8):
        made = changed(rng, made)
    return made


def changed(rng: random.Random, before: Item) -> Item:
    """Change nothing, or one thing."""
    after, status = dict(before), dict(before["status"])
    after["status"] = status
    alert = {"code": rng.choice("ab"), "message": "m", "details": rng.choice([None, {"t": [1]}])}
    test = {"title": rng.choice("xy"), "status": rng.choice(["PASSED", "FAILED"]), "message": ""}
    at = f"2026-11-{rng.randint(1, 28):02d}T01:02:03.{rng.randint(0, 999):03d}Z"
    match rng.randrange(14):
        case 0:
            status["setup_state"] = rng.choice(["connected", "broken", "incomplete"])
        case 1:
            status["warnings"] = rng.choice([[], [alert], [alert, alert]])
        case 2:
            status["tasks"] = rng.choice([[], [alert], None])
        case 3:
            after["setup_tests"] = rng.choice([[], [test], [test, test], None])
        case 4:
            after["succeeded_at"] = at
        case 5:
            after["failed_at"] = at
        case 6:
            after["config"] = rng.choice([None, {}, {"host": rng.choice("hj"), "port": 1}])
        case 7:
            after["paused"] = not before["paused"]
        case 8:
            after["brand_new"] = {"deep": [rng.randrange(3)]}
        case 9:
            after["source_sync_details"] = rng.choice([None, {}, {"n": rng.randrange(9)}])
        case 10:
            status["rescheduled_for"] = rng.choice([None, at])
        case 11:
            after["connect_card"] = {"token": "tok-en", "uri": "https://u.ri"}
    return after
