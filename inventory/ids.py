"""Decides which texts are accepted as the id of a connector. Pure."""

# PostgreSQL limits an index row to about 2,700 bytes, and that of a setup test holds a title beside
# the id, of 500 characters of up to four bytes. No real id comes near.
MAX_ID = 255  # bytes


def is_usable_id(text: str) -> bool:
    """Say whether a text is short enough for a key and safe to print.

    U+FFFD is not accepted: it replaces characters that could not be decoded.
    """
    if text in (".", ".."):  # in the path of a request they would lead elsewhere
        return False
    return text.isprintable() and "\ufffd" not in text and 0 < len(text.encode()) <= MAX_ID
