"""Makes text of others safe in any message, whatever markup its service reads. Pure.

Names and reasons come from an API where many people may write. In a message they must not become
links, mentions such as <!channel> or @everyone, HTML, or headers. Services read many dialects, and
not all know an escape; so each character with a meaning is replaced by its full-width form, which
looks alike and means nothing. Ordinary names contain none of them.
"""

import re

from inventory.text import escape_control_chars

_FULL_WIDTH = 0xFEE0  # from a character of ASCII to its full-width form
_MARKUP = {code: code + _FULL_WIDTH for code in map(ord, "<>@[]*~|\\")} | {ord("`"): ord("'")}
# A scheme makes a link; an entity becomes a character; _ is markup except inside a word.
_IN_CONTEXT = re.compile(r":(?=//)|&(?=#?\w+;)|(?<![^\W_])_|_(?![^\W_])")


def harmless(text: str, longest: int = 100) -> str:
    """Return the text as one line without markup, cut off after `longest` characters."""
    if len(text) > longest:
        text = f"{text[: longest - 1]}…"
    text = escape_control_chars(text).translate(_MARKUP)
    return _IN_CONTEXT.sub(lambda found: chr(ord(found[0]) + _FULL_WIDTH), text)
