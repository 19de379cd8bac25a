"""Masks the secrets of an item, whatever the API sends. Pure.

The API masks most secrets itself; this is the second guard. It masks what a name marks as secret
(`secret_names`, `hidden_fields`) and what its form gives away (`secret_values`), also in a text
that is JSON or contains some. A keyed digest in the mask shows that a secret has changed.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import msgspec

from inventory import lenient_json
from inventory.lenient_json import MAX_DEPTH, TooLargeError, check_integer
from inventory.normalize import secret_values
from inventory.normalize.hidden_fields import hidden_fields, is_named_secret, is_no_secret
from inventory.normalize.json_writer import Path, write_json
from inventory.normalize.keyed_digests import DigestKey
from inventory.normalize.masks import DIGEST_DIGITS, mask_with
from inventory.normalize.secret_names import kind_of

_decode = msgspec.json.Decoder(float_hook=lenient_json.number).decode
# A name in quotes, which may be escaped, and what stands between it and its value.
_MEMBER = re.compile(r"""(\\*+["'])([^"'\\]{1,100}+)\1\s*+[:=]\s*+""")
_PLAIN_VALUE = re.compile(
    rf"""(?:\*++\ [0-9a-f]{{{DIGEST_DIGITS}}}|[^\s"'\\,\[\]{{}}]++|"[^"\\]*+(?:\\.[^"\\]*+)*+")"""
    r"(?=\s*+(?:[,}\]]|\Z))"
)
_NESTED = frozenset((int, list, dict))
_NESTED_OR_TEXT = _NESTED | {str}


class Masker:
    """Masks the values of one connector.

    `contents` are the JSON of all values to mask. Most need no search inside of their texts.
    """

    def __init__(self, key: DigestKey, connector_id: str, contents: Iterable[bytes]) -> None:
        self._key = key
        self._connector_id = connector_id
        self.looks_into_texts = secret_values.may_be_in(contents)
        # The types to look into. Values of others stay as they are.
        self._inspected = _NESTED_OR_TEXT if self.looks_into_texts else _NESTED

    def mask(self, value: Any, depth: int = 0, path: Path = None) -> Any:
        """Return the value with each secret in it replaced, at any depth.

        null, true, false, blank values and masks of the API stay as they are. Raises TooLargeError
        for a value that is nested more deeply or larger than every later stage accepts; `depth` is
        the number of lists and objects around the value.
        """
        kind = type(value)
        if kind is str:
            return self.mask_text(value, path) if self.looks_into_texts else value
        if kind is dict or kind is list:
            if depth > MAX_DEPTH:
                raise TooLargeError
            inspected = self._inspected
            if kind is list:
                return [
                    self.mask(inner, depth + 1, path) if type(inner) in inspected else inner
                    for inner in self._mask_named_elements(value, path)
                ]
            hidden = hidden_fields(value, path[1] if path else None)
            if not hidden and inspected.isdisjoint(map(type, value.values())):
                return self._mask_names(value, path)
            masked = {
                name: self._hide(inner, (path, name))
                if name in hidden
                else self.mask(inner, depth + 1, (path, name))
                if type(inner) in inspected
                else inner
                for name, inner in value.items()
            }
            return self._mask_names(masked, path)
        if kind is int:
            check_integer(value)
        return value

    def mask_text(self, text: str, path: Path = None) -> str:
        """Return a text with its secrets replaced. It may be JSON, or contain some.

        A text without secrets stays as it is, character by character.
        """
        if not secret_values.may_be_in_text(text):
            return text
        if '"' in text and text.lstrip()[:1] in ("{", "[", '"'):
            try:
                written, is_changed = self._write_masked(self._decode_text(text), path)
            except (msgspec.DecodeError, RecursionError):
                pass
            else:
                return written if is_changed else text
        text = self._mask_members(text, path) if '"' in text or "'" in text else text
        return secret_values.hide_secrets(
            text, lambda name, secret: self._hide(secret, (path, name))
        )

    def text_of(self, value: Any) -> str:
        """Write a value of any depth as masked JSON with sorted keys."""
        return self._write_masked(value, None)[0]

    def _mask_named_elements(self, values: list[Any], path: Path) -> list[Any]:
        """Mask values that follow their name: ["--password", "x"], [["password", "x"]]."""
        masked: list[Any] = []
        before: Any = None
        for value in values:
            is_option = type(value) is str and value[:1] == "-"
            if type(before) is str and before[:1] == "-" and not is_option:
                is_secret = is_named_secret(before, value)
                masked.append(self._hide(value, (path, before)) if is_secret else value)
            elif type(value) is list and len(value) == 2 and is_named_secret(*value):
                masked.append([value[0], self._hide(value[1], (path, value[0]))])
            else:
                masked.append(value)
            before = value
        return masked

    def _mask_names(self, value: dict[str, Any], path: Path) -> dict[str, Any]:
        if not (self.looks_into_texts and secret_values.may_be_in_text("\n".join(value))):
            return value
        return {self.mask_text(name, path): inner for name, inner in value.items()}

    def _hide(self, value: Any, path: Path) -> str:
        text = value if isinstance(value, str) else write_json(value)
        if is_no_secret(text):
            return text
        # The innermost names only: thousands of nested objects would take too long.
        names = islice(_names(path), MAX_DEPTH)
        return mask_with(self._key.digest(self._connector_id, *names, text))

    def _decode_text(self, text: str) -> Any:
        try:
            return _decode(text)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            data = text.encode("utf-8", "replace")
            return lenient_json.decode(data, self.text_of, any_depth=True)[0]

    def _mask_members(self, text: str, path: Path) -> str:
        """Replace the values of secret names in a text that contains JSON or part of it.

        If the end of a value cannot be found, the rest of the text is replaced.
        """
        parts, at = [], 0
        for member in _MEMBER.finditer(text):
            kind = kind_of(member[2])
            if member.start() < at or not (kind and (kind.is_secret or kind.is_envelope)):
                continue
            value = _PLAIN_VALUE.match(text, member.end())
            end = value.end() if value else len(text)
            secret = text[member.end() : end]
            parts += [text[at : member.end()], self._hide(secret, (path, member[2]))]
            at = end
        return "".join((*parts, text[at:])) if parts else text

    def _write_masked(self, value: Any, path: Path) -> tuple[str, bool]:
        """Write a value as masked JSON; say whether anything was masked."""
        is_changed = False

        def masked(part: Any, path: Path) -> Any:
            nonlocal is_changed
            if type(part) is str:
                text = self.mask_text(part, path)
                is_changed = is_changed or text != part
                return text
            if type(part) is list:
                elements = self._mask_named_elements(part, path)
                is_changed = is_changed or elements != part
                return elements
            names = hidden_fields(part, path[1] if path else None)
            hidden = {name: self._hide(part[name], (path, name)) for name in names}
            members = self._mask_names(part | hidden, path)
            is_changed = is_changed or bool(hidden) or members.keys() != part.keys()
            return members

        return write_json(value, path, masked), is_changed


def _names(path: Path) -> Iterator[str]:
    """Yield the names of a path, the innermost first."""
    while path:
        path, name = path
        yield name
