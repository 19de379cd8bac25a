"""Finds the secrets of connect cards, and the places that quote them. Pure.

The item of the card is searched for every text of the card. Other connectors, which may be on any
page, are searched only for words with the same end as a text of a card: a hash of it is kept.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Raw

from inventory import lenient_json
from inventory.json_codec import UNREADABLE, decode
from inventory.redaction import REDACTED

MIN_SECRET = 16  # characters; real ones have many more, and shorter texts may be words

_PUNCTUATION = b"_.~+/-"
# Translates all characters that are not part of a word to spaces.
_KEEP_WORDS = bytes(
    code if (chr(code).isascii() and chr(code).isalnum()) or code in _PUNCTUATION else 32
    for code in range(256)
)
# May follow a token: the end of a sentence, or the padding of base64.
_ENDINGS = b"=./+~-"
_DIGITS = frozenset(b"0123456789")


def may_be_in(content: bytes, card: Raw) -> bool:
    """Say quickly whether an item's content may quote its own card."""
    text = bytes(card)
    if b"\\" in text or not text.isascii():
        return True
    for part in text.split(b'"'):
        # A number stands between the quotes of other texts.
        end = part.strip(b" :,[]{}")[-MIN_SECRET:]
        if (
            len(part) >= MIN_SECRET
            and end
            and (len(tail := end.rpartition(b"/")[2]) < 8 or tail in content)
        ):
            return True
    return False


def secrets_of(card: Raw) -> list[bytes]:
    """Return the texts of a card, at any depth, in each spelling of JSON; the longest first."""
    try:
        content = decode(card)
    except UNREADABLE:
        try:
            content = lenient_json.decode(bytes(card), str, any_depth=True)[0]
        except UNREADABLE:
            return []
    texts = [text for text in _texts_in(content) if len(text) >= MIN_SECRET]
    return sorted({form for text in texts for form in _spellings(text)}, key=len, reverse=True)


def _texts_in(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str | int):
            yield str(value)


def _spellings(text: str) -> Iterator[bytes]:
    """Yield the spellings of a text in JSON."""
    plain = json.dumps(text, ensure_ascii=False)[1:-1]
    for form in {plain, json.dumps(text)[1:-1]}:
        yield form.encode("utf-8", "replace")
        if "/" in form:
            yield form.replace("/", "\\/").encode("utf-8", "replace")


def tails(cards: Iterable[bytes]) -> set[int]:
    """Return hashes of the ends of all texts in these cards, which are JSON."""
    texts = b'"'.join(cards).split(b'"')
    ends = (text.rstrip(_ENDINGS) for text in texts if len(text) >= MIN_SECRET)
    return {hash(end[-MIN_SECRET:]) for end in ends if len(end) >= MIN_SECRET}


def are_quoted(known: set[int], text: str) -> bool:
    """Say whether a text may hold a word with the same end as a text of the cards."""
    words = _words_in(text)
    ends = [hash(word.rstrip(_ENDINGS)[-MIN_SECRET:]) for word in words if len(word) >= MIN_SECRET]
    return not known.isdisjoint(ends)


def without(known: set[int], text: str) -> str:
    """Return a text without the words that have the same end as a text of the cards."""
    quoted = {word.decode() for word in _words_in(text) if _is_of_card(known, word)}
    for word in sorted(quoted, key=len, reverse=True):
        text = text.replace(word, REDACTED)
    return text


def _words_in(text: str) -> list[bytes]:
    return text.encode("utf-8", "replace").translate(_KEEP_WORDS).split()


def _is_of_card(known: set[int], word: bytes) -> bool:
    return hash(word.rstrip(_ENDINGS)[-MIN_SECRET:]) in known and not _DIGITS.isdisjoint(word)
