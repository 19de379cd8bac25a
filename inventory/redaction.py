"""The secrets that this process has in hand, taken out of whatever it says.

Nothing says one on purpose. This is for what others say: a server that quotes a request, a library
at its most talkative.
"""

import json
from base64 import b64encode
from urllib.parse import quote, quote_plus

REDACTED = "[secret]"

_SHORTEST = 4  # to take out every "a" would hide nothing and garble everything

_hidden: set[str] = set()


def hide(*secrets: str | None) -> None:
    """From now on, let `redacted` take these texts out, in every spelling they may come in."""
    for secret in filter(None, secrets):
        encoded = (quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1])
        base64 = b64encode(secret.encode()).decode()
        _hidden.update(text for text in (secret, *encoded, base64) if len(text) >= _SHORTEST)


def redacted(text: str) -> str:
    """Return the text without the secrets in hand."""
    for secret in sorted(_hidden, key=len, reverse=True):  # one may be part of another
        text = text.replace(secret, REDACTED)
    return text
