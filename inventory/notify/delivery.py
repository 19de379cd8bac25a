"""Sends messages by apprise, each in a thread. Only this module knows apprise, or reveals a URL."""

import logging
import queue
import re
import threading
import time
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from inventory import redaction
from inventory.errors import ConfigurationError, DeliveryError, InventoryError, MissingExtraError
from inventory.notify.message import LARGEST, Message
from inventory.settings import Secret
from inventory.text import escape_control_chars

TIMEOUT = 30.0  # seconds for one channel
_READ_TIMEOUT = 25.0  # seconds for an answer: less, so that the reason is known
_LONGEST_ERROR = 300
# Options of apprise's URLs whose values are words like "yes" and "markdown", not secrets.
_OPTIONS = {"format", "overflow", "verify", "rto", "cto", "emojis", "retry", "wait", "redirect"}

_SEPARATORS = re.compile(r"[,;\s]+")

# The warnings of the delivery in this context. None = it is not one of ours.
_warnings: ContextVar[list[str] | None] = ContextVar("warnings", default=None)


class Letter(NamedTuple):
    """A message, and the URL of the channel that gets it."""

    url: Secret
    message: Message


class Outcome(NamedTuple):
    """What became of the message to a channel; `error` is None if it was delivered."""

    channel: str
    error: InventoryError | None


def send_all(letters: Mapping[str, Letter], timeout: float = TIMEOUT) -> Iterator[Outcome]:
    """Send all at once, and yield each outcome as soon as it is known.

    None holds up another; one without an outcome after `timeout` seconds has failed.
    Raises MissingExtraError without apprise.
    """
    if not letters:
        return
    _require_apprise()
    for letter in letters.values():
        hide(letter.url, public=letters)
    ended: queue.SimpleQueue[Outcome] = queue.SimpleQueue()

    def deliver(channel: str, letter: Letter) -> None:
        ended.put(Outcome(channel, _attempt(letter)))

    with _captured_log():
        _load_services()
        for each in letters.items():
            # Whoever leaves the process need not wait for it, as for a pool's threads.
            threading.Thread(target=deliver, args=each, daemon=True).start()
        waiting, ends_at = set(letters), time.monotonic() + timeout
        while waiting:
            try:
                outcome = ended.get(timeout=max(0.0, ends_at - time.monotonic()))
            except queue.Empty:
                break
            waiting.remove(outcome.channel)
            yield outcome
    for channel in sorted(waiting):
        yield Outcome(channel, DeliveryError(f"it did not answer within {timeout:g} s"))


def _require_apprise() -> None:
    try:
        import apprise  # noqa: F401  # it takes 75 ms
    except ImportError:
        raise MissingExtraError("Messages are sent by apprise", "notify") from None


def _load_services() -> None:
    """Have apprise import its services now: it does so once, and not safely in several threads."""
    from apprise import Apprise

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some import what Python is about to remove
        Apprise.instantiate("json://localhost")


def _attempt(letter: Letter) -> InventoryError | None:
    _warnings.set([])
    try:
        _send(letter)
    except InventoryError as error:
        return error
    except Exception as error:  # of a plugin; its text may contain anything
        return DeliveryError(_described(f"{type(error).__name__}: {error}"))
    return None


def _send(letter: Letter) -> None:
    from apprise import NotifyFormat, NotifyType, OverflowMode

    service, message = _service(letter.url), letter.message
    # A service whose own format is plain text gets that; all others get Markdown, which apprise
    # translates to the markup of each. `?format=` in the URL overrides it.
    is_plain = service.resolve_format() == NotifyFormat.TEXT
    # Where a title has no place of its own, apprise puts it into the body.
    title = 0 if service.title_maxlen else len(message.title.encode()) + 8
    largest = max(1, min(LARGEST, service.body_maxlen - title))
    is_delivered = service.notify(
        title=message.title,
        body=message.plain(largest) if is_plain else message.markdown(largest),
        notify_type=NotifyType(message.severity),
        body_format=NotifyFormat.TEXT if is_plain else NotifyFormat.MARKDOWN,
        overflow=OverflowMode.TRUNCATE,
    )
    if not is_delivered:
        raise DeliveryError(_described(" ".join(_warnings.get() or ())))


def _service(url: Secret) -> Any:
    """Return apprise's object for one URL. Raises ConfigurationError if it is not a service.

    Only a service of apprise itself can be named: no plug-in, and no configuration in a file or on
    a server, which only apprise's own commands load.
    """
    from apprise import Apprise, AppriseAsset, AppriseAttachment

    asset = AppriseAsset(
        app_id="Inventory",
        app_desc="Inventory of Fivetran connectors",
        app_url="https://fivetran.com",
        storage_mode="memory",  # it writes no file
        pgp_autogen=False,
        pem_autogen=False,
    )
    service = Apprise.instantiate(url.reveal(), asset=asset)
    if service is None:
        raise ConfigurationError(
            "apprise does not accept its URL: compare it with the example of its service at "
            "https://appriseit.com/services/"
        )
    if any(isinstance(each, AppriseAttachment) and each for each in vars(service).values()):
        raise ConfigurationError("its URL names a file or a template, which are not supported")
    _wait_as_long_as_allowed(service)
    _open_alerts(service)
    return service


def _wait_as_long_as_allowed(service: Any) -> None:
    """Wait for a slow answer, unless the URL says how long: after apprise's 4 s, a message that
    has arrived would count as failed, and come again with each run.
    """
    if "socket_read_timeout" not in vars(service):
        service.socket_read_timeout = _READ_TIMEOUT


def _open_alerts(service: Any) -> None:
    """Have Opsgenie and Jira open an alert per message, also for what is no alarm.

    By default apprise adds that to alerts of the same title that it remembers. Here it remembers
    none, and would send nothing and call that a success.
    """
    if getattr(service, "action", None) == "map" and hasattr(service, "mapping"):
        for severity, action in service.mapping.items():
            service.mapping[severity] = "new" if action in ("note", "close") else action


def _described(text: str) -> str:
    """Return why a delivery failed, in one line without the URL."""
    line = escape_control_chars(redaction.redacted(" ".join(text.split())))
    return line[:_LONGEST_ERROR] or "it gave no reason"


def hide(url: Secret, *, public: Collection[str] = ()) -> None:
    """Have all output of this process hide a URL and each of its parts.

    A part that is also in a `public` text, such as the name of a channel, is shown.
    """
    text = url.reveal()
    rest = text.partition("://")[2]
    parts = urlsplit(f"//{rest}")
    pieces = {text, rest, parts.netloc, parts.path, parts.query, parts.fragment}
    pieces |= {parts.hostname or "", parts.username or "", parts.password or ""}
    host = parts.netloc.rpartition("@")[2]  # `hostname` is the same in lower case
    pieces |= {host, host.rpartition(":")[0], *parts.path.split("/")}
    pieces |= {value for name, value in parse_qsl(parts.query) if name not in _OPTIONS}
    pieces |= set(map(unquote, pieces))
    pieces |= {part for each in pieces for part in _SEPARATORS.split(each)}  # of recipients
    redaction.hide(*(each for each in pieces if not any(each in text for text in public)))


# --- what apprise logs ----------------------------------------------------------------------


class _Capture(logging.Handler):
    """Keeps the warnings of the delivery whose thread logs them."""

    def emit(self, record: logging.LogRecord) -> None:
        if (found := _warnings.get()) is not None and record.levelno >= logging.WARNING:
            found.append(record.getMessage())


@contextmanager
def _captured_log() -> Iterator[None]:
    """Keep apprise's warnings off stderr, as they become part of an error; -vv logs all of it."""
    log, capture = logging.getLogger("apprise"), _Capture()
    level, propagate = log.level, log.propagate
    if not log.isEnabledFor(logging.DEBUG):
        log.setLevel(logging.WARNING)
        log.propagate = False
    log.addHandler(capture)
    try:
        yield
    finally:
        log.removeHandler(capture)
        log.setLevel(level)
        log.propagate = propagate
