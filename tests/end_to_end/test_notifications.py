"""A world of 40 runs: each message that people must get, written by hand, and no other."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from support import notified_world as world
from support.notified import Message, Stage, notify, stage

# By run and channel, what a message tells: its sections in order, and who is named in each line.
# "all" hears all; "growth" of owner growth if broken or failing; "mail" of owner finance; "tier1"
# of tier 1 if broken; "digest" once a day at 8 o'clock.
EXPECTED: dict[tuple[int, str], list[str]] = {
    (5, "all"): ["Down: calm", "Down: longone"],
    (5, "digest"): ["Down: calm", "Down: longone"],
    (5, "growth"): ["Down: calm"],
    (5, "tier1"): ["Down: calm"],
    (6, "all"): ["Down: pauser", "Down: goner", "Flapping: flappy"],
    (6, "growth"): ["Flapping: flappy"],
    # The mail server refuses in runs 5 and 6; then all of it comes at once.
    (7, "mail"): ["Down: longone", "Down: pauser", "Down: goner"],
    (8, "all"): ["Over: calm recovered"],
    (8, "growth"): ["Over: calm recovered"],
    (8, "tier1"): ["Over: calm recovered"],
    (9, "all"): ["Down: muted", "Over: pauser paused"],
    (9, "mail"): ["Down: muted", "Over: pauser paused"],
    (10, "all"): ["Over: goner removed"],
    (10, "mail"): ["Over: goner removed"],
    (13, "all"): ["Over: muted recovered", "Past: past"],
    (13, "growth"): ["Past: past"],
    (13, "mail"): ["Over: muted recovered"],
    (16, "all"): ["Down: 7 p1 p2 p3 p4 p5", "Down: 3 shop1 shop2 shop3"],
    (16, "growth"): ["Down: 3 shop1 shop2 shop3"],
    (17, "all"): ["Still down: longone"],
    (18, "all"): ["Over: shop1 recovered"],
    (18, "growth"): ["Over: shop1 recovered"],
    (19, "all"): ["Steady: flappy"],
    (19, "growth"): ["Steady: flappy"],
    (19, "mail"): ["Still down: longone"],
    (20, "all"): ["Over: 7 p1 p2 p3 p4 p5 recovered"],
    (22, "all"): ["Over: 2 shop2 shop3 recovered"],
    (22, "growth"): ["Over: 2 shop2 shop3 recovered"],
    (23, "all"): ["Down: calm"],
    (23, "growth"): ["Down: calm"],
    # It has failed since run 21 and is broken since run 24.
    (24, "tier1"): ["Down: calm"],
    (26, "all"): ["Over: calm recovered"],
    (26, "growth"): ["Over: calm recovered"],
    (26, "tier1"): ["Over: calm recovered"],
    # Three runs in a row have failed: the reminder of longone waits.
    (29, "all"): ["Data: failing_runs"],
    (29, "growth"): ["Data: failing_runs"],
    (29, "mail"): ["Data: failing_runs"],
    (29, "tier1"): ["Data: failing_runs"],
    (30, "all"): ["Still down: longone", "Data over: failing_runs"],
    (30, "growth"): ["Data over: failing_runs"],
    (30, "mail"): ["Data over: failing_runs"],
    (30, "tier1"): ["Data over: failing_runs"],
    (31, "mail"): ["Still down: longone"],
    (32, "all"): ["Down: victim"],
    (32, "growth"): ["Down: victim"],
    (34, "all"): ["Over: victim recovered"],
    (34, "growth"): ["Over: victim recovered"],
    # Removals are withheld: late is announced, and longone is over, one run later.
    (35, "all"): ["Data: withheld"],
    (35, "growth"): ["Data: withheld"],
    (35, "mail"): ["Data: withheld"],
    (35, "tier1"): ["Data: withheld"],
    (36, "all"): ["Down: late", "Over: longone recovered", "Data over: withheld"],
    (36, "growth"): ["Down: late", "Data over: withheld"],
    (36, "mail"): ["Over: longone recovered", "Data over: withheld"],
    (36, "tier1"): ["Data over: withheld"],
    (39, "all"): ["Over: late recovered", "Past: night"],
    (39, "growth"): ["Over: late recovered", "Past: night"],
    # What began and ended since the digest of the day before, however long it was known.
    (39, "digest"): [],
    (40, "all"): ["Data: failing_runs"],
    (40, "growth"): ["Data: failing_runs"],
    (40, "mail"): ["Data: failing_runs"],
    (40, "tier1"): ["Data: failing_runs"],
}
