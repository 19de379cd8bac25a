"""A command that tells a monitor of jobs how it ended, if INVENTORY_PING_URL names one."""

from typing import TYPE_CHECKING, Any

import click

from inventory import process
from inventory.cli.sections import SectionedCommand
from inventory.errors import ConfigurationError

if TYPE_CHECKING:
    from inventory.heartbeat import Heartbeat

_HEARTBEAT = "inventory.heartbeat"
_KEPT_BYTES = 100_000  # of the output: enough for the last lines, also after secrets were removed


class PingingCommand(SectionedCommand):
    """Sends the exit code, also that of a usage error, unless nothing is to be written.

    The command itself calls `start` once it can be interrupted: a ping that a run has begun is
    always followed by one that it has ended, unless the process is killed.
    """

    def make_context(self, info_name: Any, args: list[str], *rest: Any, **more: Any) -> Any:
        is_dry = "--dry-run" in args
        try:
            return super().make_context(info_name, args, *rest, **more)
        except click.UsageError as error:
            if not is_dry and (heartbeat := _configured()):
                _finish(heartbeat, error.exit_code, f"Error: {error.format_message()}")
            raise

    def invoke(self, ctx: click.Context) -> Any:
        heartbeat = None if ctx.params["dry_run"] else _configured()
        if heartbeat is None:
            return super().invoke(ctx)
        ctx.meta[_HEARTBEAT] = heartbeat
        printed = bytearray()
        process.watch_output(lambda data: _keep_end(printed, data))
        code = 1  # of an exception that nothing here foresees
        try:
            result = super().invoke(ctx)
            code = 0
            return result
        except (SystemExit, click.exceptions.Exit, click.ClickException) as ended:
            code = _code_of(ended)
            raise
        finally:
            _finish(heartbeat, code, _whole_lines(printed))


def start() -> None:
    """Send the ping that the running command has begun."""
    heartbeat: Heartbeat | None = click.get_current_context().meta.get(_HEARTBEAT)
    if heartbeat is not None:
        heartbeat.start()


def _configured() -> "Heartbeat | None":
    """Return the heartbeat that the user has set up. A wrong setting must not stop a run."""
    from inventory import settings

    try:
        url = settings.ping_url()
    except ConfigurationError as error:
        process.write_message("warning", f"{error} No ping is sent.")
        return None
    if url is None:
        return None
    from inventory.heartbeat import Heartbeat

    return Heartbeat(url)


def _finish(heartbeat: "Heartbeat", code: int, printed: str) -> None:
    process.ignore_signals()  # the exit code is final, and an error may be still to be printed
    if reason := heartbeat.finish(code, printed):
        process.write_message("warning", f"The ping to INVENTORY_PING_URL failed: {reason}.")


def _code_of(ended: BaseException) -> int:
    code = getattr(ended, "exit_code", None)
    if isinstance(ended, SystemExit):
        code = ended.code
    return code if isinstance(code, int) else int(code is not None)


def _keep_end(printed: bytearray, data: bytes) -> None:
    printed += data
    if len(printed) > 2 * _KEPT_BYTES:
        del printed[:-_KEPT_BYTES]


def _whole_lines(printed: bytearray) -> str:
    """Return the text without a first line that may have lost its beginning."""
    if len(printed) >= _KEPT_BYTES:
        del printed[: printed.find(b"\n") + 1]
    return printed.decode(errors="replace")
