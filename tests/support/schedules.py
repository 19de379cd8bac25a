"""Schedules as the documentation shows them, and with what a test changes."""

from dataclasses import replace
from typing import Any

from inventory.schedules.chosen_database import ChosenDatabase
from inventory.schedules.files import render
from inventory.schedules.installation import Installation
from inventory.schedules.kinds import Kind
from support.docs import documented_schedule

POSTGRESQL = documented_schedule("cron").database
SQLITE = ChosenDatabase("sqlite:////home/ada/inventory.db", is_file=True, spread=7)
SHARED = documented_schedule("cron").installation
OF_ADA = Installation(("/home/ada/.local/bin/inventory",), "/home/ada", "ada", is_in_home=True)


def files(kind: Kind, **changes: Any) -> dict[str, str]:
    """The text of each file, by name."""
    return {
        file.name: file.text for file in render(kind, replace(documented_schedule(kind), **changes))
    }


def cron_line(text: str) -> tuple[str, str]:
    """The fields and the command of the only line that is not a comment, as cron reads them.

    It removes a backslash before %, and takes the rest after any other % as input.
    """
    [line] = (line for line in text.splitlines() if line and not line.startswith("#"))
    *fields, command = line.split(maxsplit=5)
    command, *given = command.replace(r"\%", "\0").split("%")
    assert given == []
    return " ".join(fields), command.replace("\0", "%")


def comments(text: str) -> str:
    """The comments of a file as one line."""
    return " ".join(line.lstrip("# ") for line in text.splitlines() if line.startswith("#"))
