"""Owns the files that start `inventory sync` regularly: for cron, systemd, Kubernetes and Docker.

It fills in the paths of this installation and the chosen database, and never a secret. It installs
nothing and connects to nothing. (The schedules of connectors are in `normalize.schedules`.)
"""

from inventory.schedules.files import (
    KINDS,
    Kind,
    Schedule,
    ScheduleFile,
    files_for_this_installation,
    join,
    render,
)

__all__ = [
    "KINDS",
    "Kind",
    "Schedule",
    "ScheduleFile",
    "files_for_this_installation",
    "join",
    "render",
]
