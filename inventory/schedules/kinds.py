"""The kinds of schedules. Pure."""

from typing import Literal, get_args

Kind = Literal["cron", "systemd", "kubernetes", "docker"]
KINDS: tuple[Kind, ...] = get_args(Kind)
