"""Decides which values are secret by the names beside them. Pure.

A value without content is never hidden: that a secret is not set is worth knowing.
"""

import re
from collections.abc import Collection
from functools import lru_cache
from typing import Any

from inventory.normalize.masks import DIGEST_DIGITS
from inventory.normalize.secret_names import is_envelope, is_secret_name, kind_of

_MAX_CACHED_FIELDS = 60  # of an object; larger ones have ids for names

# Blank, masked by the API or by us, or null, true or false; also in quotes or braces, in a text.
_NO_SECRET = re.compile(
    rf"""["'{{\s]*+(?:\*++(?:\ [0-9a-f]{{{DIGEST_DIGITS}}})?|null|true|false)?+["'}}\s]*+"""
)


def hidden_fields(value: dict[str, Any], parent: str | None) -> Collection[str]:
    """Name the fields of an object to hide. `parent` is the name of the object itself."""
    if parent is not None and is_envelope(parent):
        return {name for name in value if holds_secret(value[name])}
    named = _named(tuple(value)) if len(value) <= _MAX_CACHED_FIELDS else [*filter(kind_of, value)]
    if not named:
        return ()
    hidden, labels = set(), []
    for name in named:
        kind, inner = kind_of(name), value[name]
        assert kind is not None
        is_label = kind.is_label and isinstance(inner, str)
        if is_label:
            labels.append(inner)
        # A "key" beside a "value" is its label, not a secret.
        is_shown = name == "key" and is_label and "value" in value
        # An envelope that is not an object has no names to show.
        if (kind.is_secret and not is_shown) or (kind.is_envelope and type(inner) is not dict):
            hidden.add(name)
    if any(map(is_secret_name, labels)):
        hidden |= {name for name in named if (kind := kind_of(name)) and kind.is_value}
    return {name for name in hidden if holds_secret(value[name])}


@lru_cache(maxsize=10_000)
def _named(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names that say something of their value. Most objects are of few shapes."""
    return tuple(filter(kind_of, names))


def is_named_secret(name: Any, value: Any) -> bool:
    """Say whether a value is secret by the name that stands before it in a list."""
    return type(name) is str and is_secret_name(name) and holds_secret(value)


def is_no_secret(text: str) -> bool:
    """Say whether a text in place of a secret is blank or masked."""
    return _NO_SECRET.fullmatch(text) is not None


def holds_secret(value: Any) -> bool:
    """Say whether there is anything to hide in a value, at any depth."""
    parts = [value]
    while parts:  # without recursion: it may be nested to any depth
        part = parts.pop()
        if isinstance(part, list):
            parts += part
        elif isinstance(part, dict):
            if any(isinstance(inner, bool) for inner in part.values()):
                return True  # {"hunter2": true}: its names are the secret
            parts += part.values()
        elif isinstance(part, str):
            if not is_no_secret(part):
                return True
        elif part is not None and not isinstance(part, bool):
            return True
    return False
