"""Which names say secret, and what is put in the place of their values.

The API masks most secrets itself. This list is the second lock on the door: a value behind a name
that says secret never reaches a table, whatever the API sends.
"""

import re
from typing import Any

MASK = "******"

# Anywhere in the name, because names are glued as well as joined: accesstoken, clientSecret.
_FRAGMENTS = (
    "connect_card",
    "credential",
    "keyfile",
    "keystore",
    "keytab",
    "passphrase",
    "passwd",
    "password",
    "private",
    "secret",
    "token",
)
# Whole words only: "pat" is in "path", "pin" in "mapping", "pass" in "bypass".
_WORDS = frozenset(
    ("auth_code", "bearer", "cookie", "jwt", "otp", "pass", "pat", "pin", "pwd", "sas", "signature")
)
# "key" ends a secret's name (api_key, hapikey) but begins harmless ones (keyspace, keyword).
_ENDINGS = ("key", "keys")
# Named like secrets, and known to hold none.
_HARMLESS = frozenset(
    (
        "external_secrets_keys_config",
        "external_secrets_manager_id",
        "primary_key",
        "primary_keys",
        "private_link_id",
        "public_key",
    )
)

_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NO_WORD = re.compile(r"[^a-z0-9]+")


def is_secret_name(name: str) -> bool:
    """Say whether a field of this name may hold a secret; camelCase and dashes count as snake."""
    snake = _NO_WORD.sub("_", _HUMPS.sub("_", name).lower())
    if snake in _HARMLESS:
        return False
    if any(fragment in snake for fragment in _FRAGMENTS):
        return True
    return any(word in _WORDS or word.endswith(_ENDINGS) for word in snake.split("_"))


def mask(value: Any) -> Any:
    """Return the value with everything behind a secret's name replaced, at any depth.

    null, true and false stay: they hold no secret, and that a secret is not set is worth knowing.
    """
    if isinstance(value, dict):
        return {name: MASK if _hides(name, inner) else mask(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [mask(inner) for inner in value]
    return value


def _hides(name: str, value: Any) -> bool:
    return value is not None and not isinstance(value, bool) and is_secret_name(name)
