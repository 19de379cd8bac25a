"""The errors a user can meet, each with the exit code that tells cron what to do next.

    InventoryError
     +- TryAgain            1  the next run may succeed
     |   +- ApiUnavailable      no usable answer, rate limit, out of time
     |   +- DatabaseUnavailable the database cannot be reached or gave up
     |   +- HostTrouble         this host has no room for temporary files, or the like
     |   +- AlreadyRunning      another run of this account holds the lock
     |   +- TakenOver           another run of this account went ahead of this one
     |   +- Interrupted         Ctrl-C or SIGTERM
     +- FixSettings         2  settings, key or schema must change first
     |   +- AccessRefused       the API refuses this key
     |   +- SchemaMismatch      the database is older or newer than the tool
     +- LookAtIt            3  a person must look
         +- PayloadUnusable     the API answers something that is no inventory
         +- RemovalsWithheld    more connectors are missing than can be believed
         +- Bug                 this tool does not understand itself

Every message says what was tried, what came back and what to do next. No message ever holds a
credential: they are built from facts, never from a request's headers or a URL with a password.
"""

from typing import Any


class InventoryError(Exception):
    """The one parent; caught once, in the command line."""

    exit_code = 1
    code = "error"
    # The row of sync_runs that tells of it, where there is one.
    run: dict[str, Any] | None = None


class TryAgain(InventoryError):
    """Nothing is wrong with the settings: the next run may succeed."""

    code = "try_again"


class ApiUnavailable(TryAgain):
    """The API gave no usable answer within the attempts and the deadline."""

    code = "api_unavailable"


class DatabaseUnavailable(TryAgain):
    """The database cannot be reached, or ended the work."""

    code = "database_unavailable"


class HostTrouble(TryAgain):
    """This host did not do its part: no room for temporary files, too many open ones."""

    code = "host_trouble"


class AlreadyRunning(TryAgain):
    """Another run of the same account holds the lock."""

    code = "already_running"

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} Wait for it, or pass --skip-if-running to let this one go.")
        self.what = what


class TakenOver(TryAgain):
    """Another run of the same account went ahead while this one was at work."""

    code = "taken_over"


class Interrupted(TryAgain):
    """Ctrl-C or SIGTERM: ended on request. A run has merged nothing, a prune keeps what it did."""

    code = "interrupted"


class FixSettings(InventoryError):
    """A setting must change before another run can succeed."""

    exit_code = 2
    code = "settings"


class AccessRefused(FixSettings):
    """The API refuses this key, or the key may not read what was asked."""

    code = "access_refused"


class SchemaMismatch(FixSettings):
    """The tables in the database are not those of this version of the tool."""

    code = "schema_mismatch"


class LookAtIt(InventoryError):
    """A person must look before anybody relies on the inventory."""

    exit_code = 3
    code = "look_at_it"


class PayloadUnusable(LookAtIt):
    """The API answers, but not with an inventory that could be trusted."""

    code = "payload_unusable"


class RemovalsWithheld(LookAtIt):
    """So many connectors are missing that they are not believed to be gone; the rest is merged."""

    code = "removals_withheld"


class Bug(LookAtIt):
    """Something in this tool went wrong; named by its kind, because its text may hold anything."""

    code = "bug"

    def __init__(self, kind: str) -> None:
        super().__init__(
            f"A bug of this tool ({kind}). Run it again with --debug and report what it shows."
        )
