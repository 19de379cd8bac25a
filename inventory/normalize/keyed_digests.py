"""Keyed digests of secrets: they show that a secret has changed, and not what it is. Pure."""

import hmac
from typing import NamedTuple


class DigestKey(NamedTuple):
    """The key of an inventory's digests."""

    secret: bytes

    def digest(self, *parts: str) -> str:
        """Return 64 hexadecimal digits. Parts are kept apart: ("a", "b") differs from ("ab",)."""
        message = b"".join(b"%d:%b" % (len(raw), raw) for raw in map(_bytes_of, parts))
        return hmac.digest(self.secret, message, "sha256").hex()


def _bytes_of(part: str) -> bytes:
    return part.encode(errors="surrogatepass")
