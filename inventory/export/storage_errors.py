"""Tells a user what a storage said: what may pass, and what must be set right first.

pyarrow and deltalake report all that an object store says as one kind of error, so what to do
follows from the text.
"""

import re
from typing import NamedTuple

from inventory.errors import (
    ConfigurationError,
    HostError,
    InventoryError,
    NeedsAttentionError,
    StorageUnavailableError,
)


class _Cause(NamedTuple):
    """What a text tells, in any of the spellings of the libraries and the stores."""

    pattern: str
    advice: str


_CREDENTIALS = {
    "s3": "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN",
}
_TO_SET_RIGHT = (
    _Cause(
        "No_?Such_?Bucket|ContainerNotFound|Bucket .* not found|google::cloud::Status.NOT_FOUND",
        "There is no such bucket. Create it, or pass another URL.",
    ),
    _Cause(
        r"169\.254\.169\.254|metadata\.google\.internal|OAuth2 access token|service account file"
        "|CredentialUnavailable|Invalid Access Key\\b",
        "No credentials that can be used were found. Check {variables}.",
    ),
    _Cause(
        "Invalid_?Access_?Key|Signature_?Does_?Not_?Match|Invalid_?(Client_?)?Token"
        "|Expired_?Token|AuthenticationFailed|HTTP status 401|401 Unauthorized|UNAUTHENTICATED",
        "The credentials are wrong or have expired. Check {variables}.",
    ),
    _Cause(
        "PermanentRedirect|AuthorizationHeaderMalformed|HTTP status 301|configured region",
        "The bucket lies in another region. Set AWS_REGION to its region.",
    ),
    _Cause(
        "Request_?Time_?Too_?Skewed|Request_?Expired",
        "The clock of this host is wrong. Set it, as by NTP.",
    ),
    _Cause(
        "Access_?Denied|AuthorizationFailure|AuthorizationPermissionMismatch|PERMISSION_DENIED"
        "|HTTP status 40[03]|403 Forbidden",
        "There must be credentials that may list, read, write and delete there. Check {variables}.",
    ),
)
# What deltalake says of a log from which somebody has deleted a file, or changed one.
_DAMAGED_LOG = r"No table metadata or protocol found|found gap|Kernel error: Json error"
_NO_CONNECTION = r"NETWORK_CONNECTION|client error \(Connect\)|dns error"


def failure(url: str, error: Exception, *, is_local: bool) -> InventoryError:
    """Return the error that tells a user what a storage said."""
    number = getattr(error, "errno", None) or _error_number(str(error))
    reason = _reason(getattr(error, "strerror", None) or str(error))
    if is_local and number is not None:
        return _of_a_folder(url, number, reason)
    for cause in _TO_SET_RIGHT:
        if re.search(cause.pattern, f"{error}", re.I):
            variables = _CREDENTIALS.get(url.partition(":")[0], "the environment")
            advice = cause.advice.format(variables=variables)
            return ConfigurationError(f"{url} cannot be exported to: {reason}. {advice}")
    if found := re.search(_DAMAGED_LOG, f"{error}"):
        return NeedsAttentionError(
            f"The log of a Delta table in {url} is damaged: {found[0]}. An export wrote it, and "
            "nobody else may change it. Restore it, or export to another URL."
        )
    if re.search(_NO_CONNECTION, f"{error}"):
        reason = f"{reason}. Check the network, and AWS_ENDPOINT_URL if it is set"
    return StorageUnavailableError(
        f"{url} is not available: {reason}. Nothing that was exported before is lost; the next "
        "export continues."
    )


def says_no_reason(error: OSError) -> bool:
    """Say whether a store refused a request whose response has no body, such as HEAD."""
    text = str(error)
    return "No response body" in text and not re.search("HTTP status 5", text)


def _error_number(text: str) -> int | None:
    """Return the number of the system's error that deltalake writes into its text."""
    found = re.search(r"\(os error (\d+)\)|Os \{ code: (\d+)", text)
    return int(found[1] or found[2]) if found else None


def _of_a_folder(url: str, number: int, reason: str) -> InventoryError:
    from inventory.db.errors import PATH_ERRORS

    if number in PATH_ERRORS:
        return ConfigurationError(f"{url} cannot be exported to: {reason}. Pass another folder.")
    return HostError(
        f"{url} could not be written: {reason}. Nothing that was exported before is lost. Correct "
        "it, as by freeing space, and run it again."
    )


_LONGEST = 300
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_XML = re.compile(r"<Code>(.*?)</Code>\s*<Message>(.*?)</Message>", re.S)
# Around what AWS says, Azure and Google say.
_FOR_AUTHORS = re.compile(
    r"^When .*?(?=AWS Error)|\(Request ID: .*?\)"
    r"|^.*?Azure Error: |\s*(Time|Request ?Id):.*$"
    r"|^.*?with a last message of | error_info=.*$",
    re.S | re.I,
)
_QUERY = re.compile(r"(https?://[^\s?]*)\?\S*")  # it may contain a signature


def _reason(text: str) -> str:
    """Return a text of a library in one line, without what only its authors need.

    deltalake writes for a terminal: in color, in lines, with whole responses.
    """
    text = _ANSI.sub("", text)
    if said := _XML.search(text):
        text = ": ".join(said.groups())
    elif "↳" in text:
        text = re.sub(r"\s*↳\s*", ": ", text).rpartition(" - ")[2]
    else:
        text = _FOR_AUTHORS.sub("", text)
    text = " ".join(_QUERY.sub(r"\1", text).split()).rstrip(".:; ")
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
