"""Which names say secret, and what is put in the place of their values.

The API masks most secrets itself. This list is the second lock on the door: a value behind a name
that says secret never reaches a table, whatever the API sends.
"""

import re
from functools import lru_cache
from typing import Any

MASK = "******"

# Anywhere in the name, because names are glued as well as joined: accesstoken, clientSecret.
_FRAGMENTS = (
    "auth_code",
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
    "secret",
    "token",
)
# Whole words only: "pat" is in "path", "pin" in "mapping", "pass" in "bypass".
_WORDS = frozenset(
    (
        *(
            "bearer",
            "cookie",
            "cookies",
            "cred",
            "creds",
            "jwt",
            "otp",
            "pass",
            "pat",
            "pem",
            "pin",
        ),
        *("pw", "sas", "signature"),
    )
)
# The whole name only: authorization_method and authorization_type hold none.
_NAMES = frozenset(("authorization", "proxy_authorization"))
# "key" ends a secret's name (api_key, hapikey) but begins harmless ones (keyspace, keyword).
_ENDINGS = ("key", "keys")
# Named like secrets, and known to hold none.
_HARMLESS = frozenset(
    (
        "connect_card_config",
        "external_secrets_keys_config",
        "external_secrets_manager_id",
        "primary_key",
        "primary_keys",
        "private_link_id",
        "public_key",
    )
)
_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SHORT = 100  # characters of a name that is worth remembering
_NO_WORD = re.compile(r"[^a-z0-9]+")


def is_secret_name(name: str) -> bool:
    """Say whether a field of this name may hold a secret: api_key, apiKey, API-Key, key1."""
    return _is_known_name(name) if len(name) <= _SHORT else _is_secret_name(name)


def _is_secret_name(name: str) -> bool:
    snake = _NO_WORD.sub("_", _HUMPS.sub("_", name).lower())
    if snake in _HARMLESS:
        return False
    if snake in _NAMES or any(fragment in snake for fragment in _FRAGMENTS):
        return True
    words = (word.rstrip("0123456789") for word in snake.split("_"))
    return any(word in _WORDS or word.endswith(_ENDINGS) for word in words)


# An account has thousands of connectors, and some hundred names in them.
_is_known_name = lru_cache(maxsize=10_000)(_is_secret_name)


def mask(value: Any) -> Any:
    """Return the value with everything behind a secret's name replaced, at any depth.

    null, true and false stay: they hold no secret, and that a secret is not set is worth knowing.
    """
    if isinstance(value, dict):
        names = _meanings(value)
        return {
            name: MASK if _hides(names.get(name) or name, inner) else mask(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [mask(inner) for inner in value]
    return value


def _meanings(value: dict[Any, Any]) -> dict[str, str]:
    """Where an object is a label beside a value, it is the label that says what the value is.

    A list of headers is `[{"key": "Authorization", "value": ...}]`.
    """
    for name in ("key", "name"):
        label = value.get(name)
        if isinstance(label, str) and "value" in value:
            return {name: "label", "value": label}
    return {}


def _hides(name: str, value: Any) -> bool:
    return value is not None and not isinstance(value, bool) and is_secret_name(name)
