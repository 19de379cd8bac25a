"""Renders the files of a schedule from `templates/`, which has a folder for each kind."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from inventory import __version__, settings
from inventory.errors import ConfigurationError
from inventory.schedules import database, interval, quoting, settings_file
from inventory.schedules.database import ChosenDatabase
from inventory.schedules.installation import Installation, this_installation

Kind = Literal["cron", "systemd", "kubernetes", "docker"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_FILES: dict[Kind, tuple[str, ...]] = {
    "cron": ("crontab",),
    "systemd": ("inventory.service", "inventory.timer", "inventory-failed.service"),
    "kubernetes": ("cronjob.yaml",),
    "docker": ("Dockerfile", "crontab"),
}
_FOLDERS: dict[Kind, str] = {"systemd": "/etc/systemd/system/"}
# A cluster takes images from a registry only.
_IMAGES: dict[Kind, str] = {
    "kubernetes": f"registry.example.com/connector-inventory:{__version__}",
    "docker": f"connector-inventory:{__version__}",
}
# Where a SQLite file is put. cron leaves it where it is.
_DATABASE_FILES: dict[Kind, str] = {
    "systemd": "/var/lib/inventory/inventory.db",
    "kubernetes": "/data/inventory.db",
    "docker": "/data/inventory.db",
}


class ScheduleFile(NamedTuple):
    """A file to install: its name, where it belongs, and its text."""

    name: str
    place: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """What the templates fill in. `optional` are settings that not every run needs."""

    every: timedelta
    installation: Installation
    database: ChosenDatabase
    env_file: str
    image: str | None = None
    optional: Mapping[str, str] = field(default_factory=dict)


def files_for_this_installation(
    kind: Kind, *, every: timedelta, env_file: str | None, image: str | None
) -> list[ScheduleFile]:
    """Return the files for the program that runs and the database that the environment chooses.

    Raises ConfigurationError for what the files cannot express.
    """
    chosen = database.describe(settings.database_settings())
    if env_file is None:
        env_file = "/etc/inventory.env" if kind == "systemd" else settings_file.in_home()
    schedule = Schedule(
        every=every,
        installation=this_installation(),
        database=chosen,
        env_file=os.path.abspath(env_file),
        image=image,
        optional=settings_file.optional(chosen, os.environ),
    )
    return render(kind, schedule)


def render(kind: Kind, schedule: Schedule) -> list[ScheduleFile]:
    """Return the files of a kind. Raises ConfigurationError for what they cannot express."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates" / kind),
        undefined=StrictUndefined,
        autoescape=False,  # no file is HTML; each value has the filter of its format
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= quoting.FILTERS
    facts = _facts(kind, schedule)
    return [
        ScheduleFile(
            name, _FOLDERS.get(kind, "") + name, templates.get_template(f"{name}.j2").render(facts)
        )
        for name in _FILES[kind]
    ]


def join(files: Sequence[ScheduleFile]) -> str:
    """Return one text: a single file as it is, several behind comments with their places."""
    if len(files) == 1:
        return files[0].text
    return "\n".join(f"# --- {file.place}\n{file.text}" for file in files)


def _facts(kind: Kind, schedule: Schedule) -> dict[str, Any]:
    minutes, installation = interval.whole_minutes(schedule.every), schedule.installation
    if kind == "systemd" and installation.is_temporary:
        raise ConfigurationError(
            f"This installation ({installation.command[0]}) is in a folder for temporary files, "
            "which a service does not see. Install it elsewhere, for example in /opt/inventory."
        )
    image = _IMAGES.get(kind) if schedule.image is None else schedule.image
    for word in (*installation.command, installation.closed or ""):
        quoting.checked("The program", word)
    required = settings_file.required(schedule.database, names_file=kind == "cron")
    return {
        "every": interval.text(minutes),
        "minutes": minutes,
        "cron": "" if kind == "systemd" else interval.cron(minutes, schedule.database.spread),
        "calendar": interval.calendar(minutes),
        "command": (*installation.command, "sync", "--quiet", "--skip-if-running"),
        "installation": installation,
        "database": schedule.database,
        "database_file": _DATABASE_FILES.get(kind),
        "env_file": quoting.checked("--env-file", schedule.env_file),
        "image": None if image is None else quoting.checked_image(image),
        "settings": required | dict(schedule.optional),
        "optional": schedule.optional,
    }
