"""The mask that stands in place of a secret. Pure.

The API masks with asterisks. Our mask adds a keyed digest, which shows that a secret has changed.
"""

import re

MASK = "******"
DIGEST_DIGITS = 8  # hexadecimal: one change in four billion is missed

_DIGEST = re.compile(rf"(?<={re.escape(MASK)}) [0-9a-f]{{{DIGEST_DIGITS}}}\b")


def mask_with(digest: str) -> str:
    """Return the mask of a secret with this keyed digest."""
    return f"{MASK} {digest[:DIGEST_DIGITS]}"


def without_digests(text: str) -> str:
    """Return a text with its masks as the API writes them."""
    return _DIGEST.sub("", text)
