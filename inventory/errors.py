"""The errors a user can meet, each with the exit code that tells cron what to do next.

    InventoryError
     +- RetryableError                 1  the next run may succeed
     |   +- ApiUnavailableError           no usable response, rate limit, out of time
     |   +- DatabaseUnavailableError      the database cannot be reached or gave up
     |   +- HostError                     this host is out of memory, disk space or the like
     |   +- OutputLostError               stdout cannot be written to
     |   +- AlreadyRunningError           another run of this account holds the lock
     |   |   +- RunHangsError             and should have ended long ago
     |   +- StorageUnavailableError       an object store cannot be reached or gave up
     |   +- DeliveryError                 a channel could not be told
     |   +- RunSupersededError            another run of this account overtook this one
     |   +- RunInterruptedError           Ctrl-C or SIGTERM
     +- ConfigurationError             2  settings, key, schema or installation must change first
     |   +- AuthenticationError           the API rejects this key
     |   +- SchemaVersionError            the database is older or newer than this release
     |   +- MissingExtraError             a package of an extra is not installed
     +- NeedsAttentionError            3  a person must look
         +- UnexpectedResponseError       the API sends something that is not an inventory
         +- RemovalsWithheldError         implausibly many connectors are missing
         +- InternalError                 a bug in this package

Every message says what was tried, what came back and what to do next. No message ever contains a
credential: messages are built from facts, never from request headers or a URL with a password.
"""

from typing import Any


class InventoryError(Exception):
    """The parent of all errors; the command line catches it in one place."""

    exit_code = 1
    code = "error"
    # The row of inventory_runs that records this error, if there is one.
    run: dict[str, Any] | None = None


class RetryableError(InventoryError):
    """The settings are right: the next run may succeed."""

    code = "retryable"


class ApiUnavailableError(RetryableError):
    """The API gave no usable response within the attempts and the deadline."""

    code = "api_unavailable"


class DatabaseUnavailableError(RetryableError):
    """The database cannot be reached, or aborted the work."""

    code = "database_unavailable"


class HostError(RetryableError):
    """This host is out of something: memory, disk space, file descriptors."""

    code = "host_error"


class OutputLostError(RetryableError):
    """stdout cannot be written to: its disk is full, its reader is gone, or it is closed."""

    code = "output_lost"

    def __init__(self, error: OSError) -> None:
        super().__init__(
            f"stdout cannot be written to: {error.strerror}. The output is incomplete."
        )
        self.is_broken_pipe = isinstance(error, BrokenPipeError)


class AlreadyRunningError(RetryableError):
    """Another run of the same account holds the lock."""

    code = "already_running"

    def __init__(
        self, what: str, advice: str = "Wait for it, or pass --skip-if-running to exit 0 instead."
    ) -> None:
        super().__init__(f"{what} {advice}")
        self.what = what


class RunHangsError(AlreadyRunningError):
    """The run that holds the lock is past its own deadline: a person has to end it."""

    def __init__(self, what: str) -> None:
        InventoryError.__init__(self, what)


class StorageUnavailableError(RetryableError):
    """The storage that is exported to cannot be reached, or aborted the work."""

    code = "storage_unavailable"


class DeliveryError(RetryableError):
    """A message could not be delivered; the next run sends what it was to tell."""

    code = "delivery"


class RunSupersededError(RetryableError):
    """Another run of the same account finished while this one was in progress."""

    code = "superseded"


class RunInterruptedError(RetryableError):
    """Ctrl-C or SIGTERM. A run has merged nothing; a prune keeps what it has deleted."""

    code = "interrupted"


class ConfigurationError(InventoryError):
    """A setting must change before another run can succeed."""

    exit_code = 2
    code = "configuration"


class AuthenticationError(ConfigurationError):
    """The API rejects this key, or the key may not read what was requested."""

    code = "authentication"


class SchemaVersionError(ConfigurationError):
    """The tables in the database are not those of this release."""

    code = "schema_version"


class MissingExtraError(ConfigurationError):
    """A package of an extra is not installed. `need` says what needs which."""

    def __init__(self, need: str, extra: str) -> None:
        super().__init__(
            f"{need}, which is not installed. Install the extra {extra} in a clone of the "
            f"repository: pipx install --force '.[{extra}]'"
        )


class NeedsAttentionError(InventoryError):
    """A person must look before anybody relies on the inventory."""

    exit_code = 3
    code = "needs_attention"


class UnexpectedResponseError(NeedsAttentionError):
    """The API responds, but not with an inventory that can be trusted."""

    code = "unexpected_response"


class RemovalsWithheldError(NeedsAttentionError):
    """Implausibly many connectors are missing: none was removed, everything else is merged."""

    code = "removals_withheld"


class InternalError(NeedsAttentionError):
    """A bug in this package; named by its type only, because its text may contain anything."""

    code = "internal_error"

    def __init__(self, kind: str) -> None:
        super().__init__(
            f"Internal error ({kind}): this is a bug in inventory. Run the command again with "
            "--debug and report what it prints."
        )


def is_retryable(code: str | None) -> bool:
    """Return whether the next run may succeed after a run with this error code, or a crash."""
    kinds = [RetryableError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    return code in {"crashed", *(kind.code for kind in kinds)}


def from_unforeseen(error: Exception) -> InventoryError:
    """Translate any exception: a fault of the host or the installation, or else a bug.

    An InventoryError is returned as it is.
    """
    if isinstance(error, InventoryError):
        return error
    chain: BaseException | None = error
    while chain is not None:
        if isinstance(chain, MemoryError) or "can't start new thread" in str(chain):
            return HostError("This host is out of memory. Free some and run the command again.")
        chain = chain.__cause__ or chain.__context__
    is_shared_library = isinstance(error, ImportError) and ".so" in str(error)
    if isinstance(error, OSError) or is_shared_library:
        return HostError(f"This host reports an error: {error}. Correct it and run again.")
    if isinstance(error, ImportError):
        return ConfigurationError(f"This installation is incomplete ({error}). Reinstall it.")
    if isinstance(error, SystemError):  # the interpreter's own, when it runs out of something
        return HostError("The Python interpreter failed, probably out of memory. Run it again.")
    return InternalError(type(error).__name__)
