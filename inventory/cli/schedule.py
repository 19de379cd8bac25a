"""`inventory schedule`: prints files that start runs regularly."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from inventory import process
from inventory.cli import base
from inventory.cli.options import DURATION, TEXT
from inventory.cli.sections import command, option
from inventory.errors import ConfigurationError
from inventory.schedules.kinds import KINDS
from inventory.text import escape_control_chars

if TYPE_CHECKING:
    from inventory.schedules.files import ScheduleFile


@command()
@click.argument("kind", type=click.Choice(KINDS))
@option(
    "--every",
    type=DURATION,
    default="15m",
    help="Time from run to run: 15m, 1h, 24h, 7d. systemd takes any; the others take what a line "
    "of cron can say.",
)
@option(
    "--env-file",
    type=TEXT,
    metavar="FILE",
    help="The file of settings. Default: ~/.inventory.env; for systemd /etc/inventory.env.",
)
@option(
    "--image",
    type=TEXT,
    metavar="NAME",
    help="The container image, for kubernetes and docker.",
)
@option(
    "--output",
    metavar="FOLDER",
    help="Write files into this folder instead of stdout. Nothing is written if one exists and "
    "differs.",
)
@base.reports_errors
def schedule(
    kind: Any, every: timedelta, env_file: str | None, image: str | None, output: str | None
) -> None:
    """Print the files that start runs regularly.

    \b
    cron        a line for `crontab -e`
    systemd     a sandboxed service, its timer, and a unit that reports failures
    kubernetes  a CronJob
    docker      a Dockerfile, and a line of cron that runs the image

    The paths of this installation and the database that is set now are filled in, and never a
    secret: those stay in the file of settings, and the files say what it contains. A comment in
    each file says how to install it.
    """
    from inventory.output.rows import write_line
    from inventory.schedules import files, quoting

    if image is not None and kind not in ("kubernetes", "docker"):
        raise click.UsageError(f"--image is for kubernetes and docker, not for {kind}.")
    folder = None if output is None else Path(quoting.expanded("--output", output))
    made = files.files_for_this_installation(kind, every=every, env_file=env_file, image=image)
    if folder is not None:
        _write(made, folder)
    else:
        write_line(files.join(made).rstrip("\n"))


def _write(files: "list[ScheduleFile]", folder: Path) -> None:
    from inventory.output.rows import write_line

    try:
        folder.mkdir(parents=True, exist_ok=True)
        _refuse_to_overwrite(files, folder)
        for file in files:
            (folder / file.name).write_text(file.text, "utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a valid name"
        raise ConfigurationError(
            f"{folder} cannot be written: {reason}. Pass another folder to --output."
        ) from error
    with process.final_output():
        if not base.is_quiet():
            for file in files:
                write_line(f"Wrote {escape_control_chars(str(folder / file.name))}.")


def _refuse_to_overwrite(files: "list[ScheduleFile]", folder: Path) -> None:
    """Raise ConfigurationError for a file with another text: somebody may have changed it."""
    for file in files:
        path = folder / file.name
        if path.exists() and path.read_bytes() != file.text.encode():
            raise ConfigurationError(
                f"{path} exists and differs. Delete it, or pass another folder to --output."
            )
