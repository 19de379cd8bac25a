"""How many columns of a terminal a text takes: CJK and emoji take two, styles none."""

import re
from functools import cache
from types import ModuleType

# The symbols of `inventory.output.screen`, known without loading what knows all characters.
_NARROW = str.maketrans(dict.fromkeys("…→░▒▓█·", "."))
_STYLE = re.compile(r"\x1b\[[0-9;]*m")


def display_width(text: str) -> int:
    """Return the width of a text on a terminal."""
    if "\x1b" in text:
        text = _STYLE.sub("", text)
    if text.isascii() or text.translate(_NARROW).isascii():
        return len(text)
    return int(_cells().cell_len(text))


def shorten(text: str, width: int, ellipsis: str) -> str:
    """Cut a text without styles to at most this width, with the ellipsis at its end."""
    room = width - len(ellipsis)
    cut = text[:room] if text.isascii() else _cells().set_cell_size(text, room)
    return cut.rstrip() + ellipsis


@cache
def _cells() -> ModuleType:
    from rich import cells  # takes time to load, and only texts that are not ASCII need it

    return cells
