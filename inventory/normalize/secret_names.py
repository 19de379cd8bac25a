"""Which names mark a secret, and which label a value beside them. Pure.

The vendor's own list decides for the names on it, and words decide for all others. Names are
compared without separators and case: api_key, apiKey, API-Key.
"""

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from inventory.normalize.vendor_fields import SENSITIVE, UNMARKED, UNMARKED_SECRETS


class NameKind(NamedTuple):
    """What a name says of its value."""

    is_secret: bool = False
    is_label: bool = False  # the value names another value: {"key": "Authorization", ...}
    is_value: bool = False  # the value is what a label beside it names
    is_envelope: bool = False  # everything in the value is secret, whatever its name


# Anywhere in the name, because names are written in one word as well: accesstoken, clientSecret.
_FRAGMENTS = (
    "auth_code",
    "certificate",
    "connect_card",
    "connection_string",
    "credential",
    "keyfile",
    "keypair",
    "key_pair",
    "keystore",
    "keytab",
    "passcode",
    "passphrase",
    "passwd",
    "password",
    "private",
    "pwd",
    "role_arn",
    "secret",
    "token",
    "truststore",
)
# Whole words only: "pat" is in "path", "pin" in "mapping", "pass" in "bypass".
_WORDS = frozenset(
    (
        "bearer",
        "cert",
        "certs",
        "cookie",
        "cookies",
        "cred",
        "creds",
        "jwt",
        "otp",
        "pass",
        "pat",
        "pats",
        "pem",
        "pin",
        "pw",
        "sas",
        "sig",
        "signature",
    )
)
# The whole name only: authorization_method and authorization_type are not secret.
_NAMES = frozenset(("authorization", "proxy_authorization"))
# "key" ends a secret's name (api_key, hapikey) but begins harmless ones (keyspace, keyword).
_ENDINGS = ("key", "keys")
_WORD_IN_KEY = re.compile(r"(?:don|hoc|hot|joc|mon|tur|whis)keys?")
# A property of a secret is not secret: refresh_token_expires_at, signature_encoding, has_password.
# But the ID of a token may be, and so may the address of a private page.
_ABOUT = re.compile(
    r"_(?:algorithm|columns?|consent|count|encoding|environment|expir(?:y|ation|es|es_at|es_in)"
    r"|fingerprint|format|length|limit|names?|on|policy|type|used|verification|version)$"
    r"|(?:credentials?|keys?|passwords?)_ids?$"
    r"|(?:certificates?|certs?|keys?|tokens?)_ur[il]$"
    r"|^(?:are|has|is|max|min)_"
)
# Named like secrets, known not to be, and not on the vendor's list.
_HARMLESS = (
    "connect_card_config",
    "external_secrets_manager_id",
    "primary_keys",
    "public_key",
)
# Everything in one of these is a secret, whatever its name.
_ENVELOPES = frozenset(("external_secrets_keys_config",))
# Private in another sense; keys of tables and lists; public keys.
_OTHER_SENSES = re.compile(
    r"private_?(?:dns|endpoint|ip|link|network|subnet)"
    r"|(?:^|_)(?:clustering|cursor|distribution|foreign|partition|project|public|report|sort"
    r"|surrogate|survey|unique)_?keys?(?=_|$)"
)

# A label says what the value beside it is: [{"key": "Authorization", "value": ...}].
_LABELS = frozenset(
    (
        "attribute",
        "field",
        "header",
        "k",
        "key",
        "label",
        "name",
        "param",
        "parameter",
        "property",
        "setting",
        "variable",
    )
)
_VALUES = frozenset(("content", "v", "val", "value", "values"))

_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NO_WORD = re.compile(r"[^a-z0-9]+")
_MAX_CACHED_NAME = 100  # characters
_MAX_CACHED_NAMES = 10_000  # an account has thousands of connectors, with some hundred names


def is_secret_name(name: str) -> bool:
    """Say whether a field of this name may hold a secret."""
    kind = kind_of(name)
    return kind is not None and kind.is_secret


def is_envelope(name: str) -> bool:
    """Say whether everything in a field of this name is secret."""
    kind = kind_of(name)
    return kind is not None and kind.is_envelope


def _without_separators(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name.replace("_", "") for name in names)


_VENDORS_SECRETS = _without_separators(SENSITIVE | UNMARKED_SECRETS)
_KNOWN_HARMLESS = _without_separators((UNMARKED - UNMARKED_SECRETS).union(_HARMLESS))


def _marks_secret(snake: str) -> bool:
    joined = snake.replace("_", "")
    if joined in _VENDORS_SECRETS or joined.rstrip("0123456789") in _VENDORS_SECRETS:
        return True
    if joined in _KNOWN_HARMLESS or _ABOUT.search(snake):
        return False
    snake = _OTHER_SENSES.sub("", snake)
    if snake in _NAMES or any(fragment in snake for fragment in _FRAGMENTS):
        return True
    words = (word.rstrip("0123456789") for word in snake.split("_"))
    return any(
        word in _WORDS or (word.endswith(_ENDINGS) and not _WORD_IN_KEY.fullmatch(word))
        for word in words
    )


class _Kinds(dict[str, NameKind | None]):
    """The kind of each name met so far; None if it says nothing of its value."""

    def __missing__(self, name: str) -> NameKind | None:
        snake = _NO_WORD.sub("_", _HUMPS.sub("_", name).lower()).strip("_")
        last = snake.rpartition("_")[2].rstrip("0123456789")
        kind = NameKind(
            is_secret=snake not in _ENVELOPES and _marks_secret(snake),
            is_label=last in _LABELS,
            is_value=last in _VALUES,
            is_envelope=snake in _ENVELOPES,
        )
        known = kind if any(kind) else None
        if len(name) <= _MAX_CACHED_NAME and len(self) < _MAX_CACHED_NAMES:
            self[name] = known
        return known


# Returns the kind of a name, or None. A bound method, as it is called for every name in an item.
kind_of: Callable[[str], NameKind | None] = _Kinds().__getitem__
