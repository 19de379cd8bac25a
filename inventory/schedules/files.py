"""Renders the files of a schedule from `templates/`, which has a folder for each kind."""

import logging
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from inventory import __version__, settings
from inventory.errors import ConfigurationError
from inventory.schedules import interval, quoting, settings_file
from inventory.schedules.chosen_database import ChosenDatabase, describe
from inventory.schedules.installation import Installation, this_installation
from inventory.schedules.kinds import Kind

log = logging.getLogger(__name__)

_FILE_NAMES: dict[Kind, tuple[str, ...]] = {
    "cron": ("crontab",),
    "systemd": ("inventory.service", "inventory.timer", "inventory-failed.service"),
    "kubernetes": ("cronjob.yaml",),
    "docker": ("Dockerfile", "crontab"),
}
_PLACES: dict[Kind, str] = {"systemd": "/etc/systemd/system/"}
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
    docker: str = "docker"
    optional: Mapping[str, str] = field(default_factory=dict)


def files_for_this_installation(
    kind: Kind, *, every: timedelta, env_file: str | None, image: str | None
) -> list[ScheduleFile]:
    """Return the files for the program that runs and the database that the environment chooses.

    Raises ConfigurationError for what the files cannot express.
    """
    chosen = describe(settings.database_settings())
    if env_file is None:
        env_file = "/etc/inventory.env" if kind == "systemd" else settings_file.default_path()
    schedule = Schedule(
        every=every,
        installation=this_installation(),
        database=chosen,
        env_file=os.path.abspath(quoting.expanded("--env-file", env_file)),
        image=image,
        docker=_docker(),
        optional=settings_file.optional(chosen, os.environ),
    )
    files = render(kind, schedule)
    if kind == "systemd" and schedule.installation.owner == "root":
        log.warning(
            "The service will run as root, because only root may enter %s. Install the program "
            "and its Python elsewhere, for example in /opt, so that runs get a user of their own.",
            schedule.installation.closed,
        )
    return files


def _docker() -> str:
    """Return the path of docker, which the short PATH of cron may not have."""
    found = shutil.which("docker")
    return os.path.abspath(found) if found else "docker"


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
    _check(kind, schedule)
    values = _values(kind, schedule)
    return [
        ScheduleFile(
            name, _PLACES.get(kind, "") + name, templates.get_template(f"{name}.j2").render(values)
        )
        for name in _FILE_NAMES[kind]
    ]


def join(files: Sequence[ScheduleFile]) -> str:
    """Return one text: a single file as it is, several behind comments with their places."""
    if len(files) == 1:
        return files[0].text
    return "\n".join(f"# --- {file.place}\n{file.text}" for file in files)


def _check(kind: Kind, schedule: Schedule) -> None:
    """Raise ConfigurationError for what no file, or no file of this kind, can express."""
    installation = schedule.installation
    if kind == "systemd" and installation.is_temporary:
        raise ConfigurationError(
            f"This installation ({installation.command[0]}) is in a folder for temporary files, "
            "which a service does not see. Install it elsewhere, for example in /opt/inventory."
        )
    for word in (*installation.command, installation.closed or ""):
        quoting.check_path("The program", word)
    quoting.check_path("--env-file", schedule.env_file)
    if kind == "docker":
        quoting.check_path("docker", schedule.docker)
    if schedule.image is not None:
        quoting.check_image(schedule.image)


def _values(kind: Kind, schedule: Schedule) -> dict[str, Any]:
    """Return what the templates fill in."""
    minutes, chosen = interval.whole_minutes(schedule.every), schedule.database
    file_settings = [name for name in schedule.optional if name in settings_file.FILE_VARIABLES]
    required = settings_file.required(chosen, names_file=kind == "cron")
    return {
        "every": interval.text(minutes),
        "minutes": minutes,
        "cron": "" if kind == "systemd" else interval.cron(minutes, chosen.spread, kind),
        "calendar": interval.calendar(minutes),
        "command": (*schedule.installation.command, "sync", "--quiet", "--skip-if-running"),
        "docker": schedule.docker,
        "installation": schedule.installation,
        "database": chosen,
        "database_file": _DATABASE_FILES.get(kind),
        "env_file": schedule.env_file,
        "image": schedule.image or _IMAGES.get(kind),
        "is_example_image": kind == "kubernetes" and schedule.image is None,
        "settings": required | dict(schedule.optional),
        "optional": schedule.optional,
        "file_settings": [*chosen.file_parameters, *file_settings],
    }
