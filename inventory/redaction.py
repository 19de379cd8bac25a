"""Removes the secrets of this process from its output, and from responses.

No code prints a secret on purpose. This guards against text of others: a server that quotes a
request, or a library that logs one.
"""

import html
import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import quote, quote_plus

REDACTED = "[secret]"

_MIN_LENGTH = 4  # to replace every "a" would hide nothing and garble everything

_hidden: set[str] = set()


def hide(*secrets: str | None) -> None:
    """Have `redacted` remove these texts from now on, in every spelling."""
    for secret in filter(None, secrets):
        _hidden.update(text for text in spellings(secret) if len(text) >= _MIN_LENGTH)


def redacted(text: str) -> str:
    """Return the text without the hidden secrets."""
    for secret in sorted(_hidden, key=len, reverse=True):  # one may be part of another
        text = text.replace(secret, REDACTED)
    return text


def spellings(secret: str) -> set[str]:
    """Return a text as it is, and as JSON, URLs, HTML and base64 spell it; these also in JSON."""
    found = {*_plain_or_base64(secret), *_in_html(secret)}
    for safe in ("", "/"):
        for encoded in (quote(secret, safe=safe), quote_plus(secret, safe=safe)):
            found |= {encoded, _PERCENT.sub(lambda code: code[0].lower(), encoded)}
    for _ in range(_JSON_IN_JSON):
        found |= {form for text in found for form in _in_json(text)}
    return found


_PERCENT = re.compile("%[0-9A-F]{2}")
_JSON_IN_JSON = 3


def _plain_or_base64(text: str) -> Iterator[str]:
    yield text
    for encode in (b64encode, urlsafe_b64encode):
        yield encode(text.encode()).decode().rstrip("=")


def _in_html(text: str) -> Iterator[str]:
    yield html.escape(text, quote=False)
    escaped = html.escape(text)  # &quot; and &#x27;
    yield escaped
    yield escaped.replace("&#x27;", "&#39;")
    yield escaped.replace("&#x27;", "&apos;")
    yield escaped.replace("&#x27;", "&#39;").replace("&quot;", "&#34;")


def _in_json(text: str) -> Iterator[str]:
    for ascii_only in (False, True):
        written = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        yield written
        yield written.replace("/", "\\/")


# --- from the body of a response ------------------------------------------------------------


def secret_scrubber(secrets: Sequence[str]) -> Callable[[bytearray], bytearray]:
    """Return a function that removes secrets from a response's body, in every spelling."""
    forms = {form.encode() for secret in secrets for form in spellings(secret)}
    by_length = sorted(forms, key=len, reverse=True)
    # Parts that every spelling contains: if none is found, no spelling needs to be searched.
    common_parts = {
        max(_UNRESERVED.findall(form), key=len, default="").encode()
        for secret in secrets
        for form in _plain_or_base64(secret)
    }
    letters = {f"{ord(letter):02x}" for secret in secrets for letter in secret}
    escape = re.compile(rf"\\u00(?i:{'|'.join(sorted(letters))})".encode())
    escaped = re.compile(b"|".join(map(_with_escapes, sorted(secrets, key=len, reverse=True))))

    def scrub(body: bytearray) -> bytearray:
        if any(part in body for part in common_parts):
            for form in by_length:
                if form in body:  # or a large body would be copied
                    body = body.replace(form, REDACTED.encode())
        if secrets and escape.search(body):
            body = escaped.sub(REDACTED.encode(), body)  # type: ignore[assignment]
        return body

    return scrub


_UNRESERVED = re.compile("[A-Za-z0-9_.~-]+")


def _with_escapes(secret: str) -> bytes:
    """Return a pattern for a text in JSON of which any character may be escaped."""
    parts = []
    for letter in secret:
        codes = letter.encode("utf-16-be").hex()
        escaped = b"".join(
            rb"\\+u(?i:%b)" % codes[at : at + 4].encode() for at in range(0, len(codes), 4)
        )
        literal = re.escape(letter.encode())
        literal = rb"\\*%b" % literal if letter in '"/' else literal
        literal = rb"\\+" if letter == "\\" else literal
        parts.append(b"(?:%b|%b)" % (escaped, literal))
    return b"".join(parts)
