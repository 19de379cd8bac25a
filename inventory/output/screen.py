"""What stdout can show: its size, colors and symbols, and a pager for what is longer."""

import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from inventory import process
from inventory.output.widths import display_width

Style = Mapping[str, Any]  # what `click.style` takes
BOLD: Style = {"bold": True}
DIM: Style = {"dim": True}
GOOD: Style = {"fg": "green"}
BAD: Style = {"fg": "red", "bold": True}
BY_SEVERITY: Sequence[Style] = (GOOD, {"fg": "cyan"}, {"fg": "yellow"}, BAD)


class Symbols(NamedTuple):
    """Characters that the encoding of stdout may lack. `shades` are by severity, from 0 to 3."""

    ellipsis: str
    arrow: str
    shades: str
    nothing: str


_UNICODE = Symbols("…", "→", "░▒▓█", "·")
_ASCII = Symbols("~", "->", ".-=#", "_")


class Screen(NamedTuple):
    """Where a command prints.

    `fits_rows`: a row is one line, shortened to the width, and times are short. Otherwise
    everything is whole, so that it can be searched.
    """

    is_terminal: bool
    width: int
    height: int
    fits_rows: bool
    has_colors: bool
    symbols: Symbols
    encoding: str = ""  # of stdout, if it cannot encode everything

    def paint(self, text: str, style: Style) -> str:
        """Return the text in a style, if there are colors."""
        if not (text and style and self.has_colors):
            return text
        import click

        return click.style(text, **style)

    def fold(self, parts: Iterable[str], *, before: str = "", between: str = " ") -> Iterator[str]:
        """Join parts to lines that fit the width; each line begins below the first part."""
        line, taken, is_first = before, len(before), True
        for part in parts:
            width = display_width(part)
            if not is_first and self.is_terminal and taken + len(between) + width > self.width:
                yield line + between.rstrip()
                line, taken, is_first = " " * len(before), len(before), True
            line += part if is_first else between + part
            taken += width + (0 if is_first else len(between))
            is_first = False
        yield line

    def encodable(self, text: str) -> str:
        """Escape characters that the encoding of stdout lacks, so that widths stay true."""
        if text.isascii() or not self.encoding:
            return text
        return text.encode(self.encoding, "backslashreplace").decode(self.encoding)

    def show(self, lines: Sequence[str], *, pager: bool) -> None:
        """Print lines; through the user's pager if a terminal cannot show all of them at once."""
        text = "\n".join(lines)
        if pager and self.is_terminal and self._height_of(lines) > self.height and _can_page():
            _show_in_pager(text, has_colors=self.has_colors)
        else:
            sys.stdout.write(f"{text}\n")

    def _height_of(self, lines: Sequence[str]) -> int:
        folded = (max(1, -(-display_width(line) // self.width)) for line in lines)
        return sum(folded) + _BELOW


def of_stdout(*, wide: bool = False) -> Screen:
    """Return what stdout is now; with `wide`, rows are whole on a terminal, too."""
    is_terminal = sys.stdout.isatty()
    width, height = shutil.get_terminal_size()
    encoding = sys.stdout.encoding or "ascii"
    return Screen(
        is_terminal=is_terminal,
        width=width,
        height=height,
        fits_rows=is_terminal and not wide,
        has_colors=_has_colors(is_terminal=is_terminal),
        symbols=_symbols(encoding),
        encoding="" if encoding.lower().startswith("utf") else encoding,
    )


def _has_colors(*, is_terminal: bool) -> bool:
    """Follow no-color.org and force-color.org; a user who sets both wants no colors."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return is_terminal and os.environ.get("TERM") != "dumb"


def _symbols(encoding: str) -> Symbols:
    try:
        "".join(_UNICODE).encode(encoding)
    except UnicodeEncodeError:
        return _ASCII
    return _UNICODE


# --- the pager ------------------------------------------------------------------------------

_BELOW = 2  # lines: a note, and the prompt of the shell


def _can_page() -> bool:
    """Return whether a pager can be used; an empty PAGER means none, as it does to git."""
    can_draw = os.environ.get("TERM", "") not in ("", "dumb")
    has_keyboard = sys.stdin is not None and sys.stdin.isatty()
    return can_draw and has_keyboard and os.environ.get("PAGER") != ""


def _show_in_pager(text: str, *, has_colors: bool) -> None:
    """Show a text in PAGER, or in less: with colors, and what it showed stays on the screen."""
    import click

    sys.stdout.flush()
    is_unset = "LESS" not in os.environ
    if is_unset:
        os.environ["LESS"] = "-FRX"
    try:
        with process.leaving_ctrl_c_to_child():
            # It ends the last line. Colors for another pager than less are a user's wish.
            is_forced = bool(has_colors and os.environ.get("FORCE_COLOR"))
            click.echo_via_pager(text, color=True if is_forced else None)
    finally:
        if is_unset:
            del os.environ["LESS"]
