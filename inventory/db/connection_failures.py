"""Finds out why a connection to PostgreSQL failed: wrong settings, or a temporary failure.

psycopg gives a failed connection no SQLSTATE, only a message in the server's language. So this
module connects to each host again, step by step, and reads the server's code from libpq's trace.
"""

import errno
import os
import re
import select
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from inventory.db.addresses import Address
from inventory.db.connection_parameters import per_host
from inventory.errors import ConfigurationError, DatabaseUnavailableError, InventoryError

_SECONDS_PER_HOST = 3.0
_TRACES_ALL = 180000  # the first libpq version that traces responses before authentication

# Prefixes of SQLSTATE: invalid value, authentication, no such database or schema, missing privilege
# or unknown name, not supported.
_SETTINGS = ("22", "28", "3D", "3F", "42", "0A", "0L", "0P", "55000")
_TOO_MANY = "53300"
_PATH_ERRORS = (
    errno.EACCES,
    errno.EPERM,
    errno.ENOTDIR,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    None,  # raised by Python itself: the path is too long for a socket
)

_CODE_IN_TRACE = re.compile(r'^B\t\d+\tErrorResponse\t S ".*?" V "\w+" C "([0-9A-Z]{5})"', re.M)
_CODE_IN_BYTES = re.compile(rb"E....S[^\0]+\0V\w+\0C([0-9A-Z]{5})\0", re.S)


def translate(error: Exception, address: Address) -> InventoryError:
    """Translate psycopg's error into one of this tool."""
    message = _message(error)
    if type(error).__name__ == "ProgrammingError":  # psycopg's own checks
        return _wrong_settings(address, message)
    code = None
    if type(error).__name__ != "ConnectionTimeout":
        diagnoses = [_diagnose(each) for each in per_host(address.parameters)]
        if all(each.is_wrong_setting for each in diagnoses):
            return _wrong_settings(address, message)
        code = next((each.code for each in diagnoses if each.code), None)
    more = ""
    if code == _TOO_MANY:
        more = (
            " A run needs two connections at once: raise the limit of the role, the database or "
            "the server if it is lower."
        )
    return DatabaseUnavailableError(
        f"{address.shown} cannot be reached: {message}. Try again later.{more}"
    )


def _wrong_settings(address: Address, message: str) -> ConfigurationError:
    return ConfigurationError(
        f"{address.shown} rejects the connection: {message}. Check INVENTORY_DATABASE_URL, the "
        "files that it names, and the privileges of its user."
    )


def _message(error: Exception) -> str:
    """Return the message about each host, without libpq's question whether a server is running."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    each = list(dict.fromkeys(line for line in lines if line.startswith("- host:")))
    message = "; ".join(each or lines[:1]) or type(error).__name__
    return message.rstrip(".?")


# --- connecting again, step by step ---------------------------------------------------------


@dataclass
class _Diagnosis:
    """Why one host could not be reached: the SQLSTATE, if it sent one, and whose fault it is."""

    code: str | None = None
    is_wrong_setting: bool = False


def _diagnose(parameters: dict[str, str]) -> _Diagnosis:
    from psycopg import Error
    from psycopg.conninfo import make_conninfo
    from psycopg.pq import ConnStatus, PGconn

    try:
        connection = PGconn.connect_start(make_conninfo(**parameters).encode())
    except (Error, UnicodeError):
        return _Diagnosis(is_wrong_setting=True)
    try:
        attempt = _Attempt(connection)
        attempt.run()
        if attempt.code:
            return _Diagnosis(attempt.code, attempt.code.startswith(_SETTINGS))
        if connection.status != ConnStatus.BAD:  # it works now, or does not respond
            return _Diagnosis()
        if attempt.last_status in (ConnStatus.BAD, ConnStatus.STARTED):
            return _Diagnosis(is_wrong_setting=_is_unreachable(parameters))
        is_wrong_setting = connection.needs_password or attempt.is_ended_by_libpq()
        return _Diagnosis(is_wrong_setting=is_wrong_setting)
    finally:
        connection.finish()


class _Attempt:
    """A connection that is opened step by step, with what the server sends."""

    def __init__(self, connection: Any) -> None:
        self.last_status = connection.status
        self.code: str | None = None
        self._connection = connection
        self._trace = ""
        self._is_lost = False

    def run(self) -> None:
        from psycopg import NotSupportedError
        from psycopg.pq import Trace

        if not hasattr(os, "memfd_create"):
            self._poll()
            return
        # In memory only, as the trace contains the password.
        with open(os.memfd_create("libpq"), "r+b") as trace:
            with suppress(NotSupportedError):
                self._connection.trace(trace.fileno())
                self._connection.set_trace_flags(Trace.SUPPRESS_TIMESTAMPS)
            self._poll()
            self._connection.untrace()
            trace.seek(0)
            self._trace = trace.read().decode(errors="replace")
        if found := _CODE_IN_TRACE.search(self._trace):
            self.code = found[1]

    def _poll(self) -> None:
        from psycopg.pq import ConnStatus, PollingStatus

        ends_at = time.monotonic() + _SECONDS_PER_HOST
        wanted = PollingStatus.WRITING
        while self._connection.status not in (ConnStatus.BAD, ConnStatus.OK):
            waiting = select.poll()
            reads = wanted == PollingStatus.READING
            waiting.register(self._connection.socket, select.POLLIN if reads else select.POLLOUT)
            if not waiting.poll(1000 * max(0.0, ends_at - time.monotonic())):
                return
            if reads:
                self._peek()
            self.last_status = self._connection.status
            wanted = self._connection.connect_poll()

    def _peek(self) -> None:
        with socket.socket(fileno=os.dup(self._connection.socket)) as line:
            try:
                waiting = line.recv(65536, socket.MSG_PEEK | socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError:
                waiting = b""
        self._is_lost = not waiting
        if found := _CODE_IN_BYTES.search(waiting):
            self.code = found[1].decode()

    def is_ended_by_libpq(self) -> bool:
        """Say whether libpq closed the connection because the settings demand something else.

        For example TLS that is missing or not trusted, a missing file, or another authentication
        method.
        """
        from psycopg.pq import ConnStatus, version

        if (
            self._is_lost or "ReadyForQuery" in self._trace
        ):  # a standby, but the settings ask for a primary
            return False
        if self.last_status == ConnStatus.AWAITING_RESPONSE:
            return version() >= _TRACES_ALL and bool(self._trace)
        return self.last_status in (ConnStatus.MADE, ConnStatus.SSL_STARTUP)


def _is_unreachable(parameters: dict[str, str]) -> bool:
    """Say whether the host does not exist, or this user may not open its socket."""
    host, port = parameters.get("host", ""), parameters.get("port") or "5432"
    if parameters.get("hostaddr") or not host or host.startswith("@"):
        return False
    if not host.startswith("/"):
        return _is_unknown(host)
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(_SECONDS_PER_HOST)
            line.connect(f"{host}/.s.PGSQL.{port}")
    except OSError as failed:
        return failed.errno in _PATH_ERRORS
    return False


def _is_unknown(host: str) -> bool:
    try:
        socket.getaddrinfo(host, None)
    except UnicodeError:  # not a host name
        return True
    except OSError as failed:
        return failed.errno == socket.EAI_NONAME
    return False
