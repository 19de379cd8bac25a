"""Reads the details of chosen connectors, one request each, and has setup tests run on request.

A failed request leaves its connector as the list tells it. Writes nothing but the spool.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from msgspec import Raw

from inventory.api.client import Client
from inventory.db.locks import Lock
from inventory.errors import UnexpectedResponseError
from inventory.normalize.normalizer import Normalizer
from inventory.sync.candidates import Candidates
from inventory.sync.spool import Spool

log = logging.getLogger(__name__)

# Of the time that is left, for all requests of one kind: the merge needs its own.
_MAX_SHARE = 0.5
# After so many failures without a success, the others would fail too.
_MAX_FAILURES = 10
_LOCK_CHECK_INTERVAL = 100  # requests
_RUNS_AN_HOUR = 12  # the quota is that of an hour; a small one must do for a run each 5 minutes

# Called with what a run left out, in a sentence.
OnNote = Callable[[str], object]
Responses = Iterator[tuple[str, Raw | None]]


class Enriched(NamedTuple):
    """For how many connectors details were read or setup tests run, and for how many not."""

    details_read: int = 0
    details_failed: int = 0
    tested: int = 0
    tests_failed: int = 0


class Enrichment(NamedTuple):
    """What a run reads beyond the list, and where the rows of it go."""

    api: Client
    normalizer: Normalizer
    spool: Spool
    lock: Lock
    concurrency: int
    on_note: OnNote

    def execute(self, candidates: Candidates) -> Enriched:
        """Run setup tests, then read details; return the counts."""
        self.api.reserve(_RUNS_AN_HOUR)
        to_test, unlisted = candidates.to_test(), candidates.unlisted()
        if unlisted:
            of = f"{len(unlisted):,} of {len(to_test) + len(unlisted):,} connectors"
            self._note(f"The setup tests of {of} were not run: the list lacks them.")
        tests = self._read_each(to_test, self.api.run_setup_tests, tested=True)
        details = self._read_each(candidates.to_read(), self.api.details, tested=False)
        return Enriched(*details, *tests)

    def _read_each(
        self,
        items: Mapping[str, Raw],
        request: Callable[..., Responses],
        *,
        tested: bool,
    ) -> tuple[int, int]:
        """Complete these items of the list; return how many were, and how many failed."""
        done = failed = 0

        def until_all_fail() -> Iterator[str]:
            # Those that are begun are waited for and counted: the vendor runs them anyway.
            for connector_id in items:
                if failed >= _MAX_FAILURES and not done:
                    return
                yield connector_id

        with self.api.time_limit(_MAX_SHARE * self.api.seconds_left):
            for connector_id, details in request(until_all_fail(), concurrency=self.concurrency):
                if self._complete(connector_id, items[connector_id], details, tested):
                    done += 1
                else:
                    failed += 1
                if (done + failed) % _LOCK_CHECK_INTERVAL == 0:
                    self.lock.check()
        what, verb = ("setup tests", "run") if tested else ("details", "read")
        if failed:
            log.info("The %s of %d connectors could not be %s", what, failed, verb)
        if left := len(items) - done - failed:
            why = self.api.obstacle or f"the first {_MAX_FAILURES} requests failed"
            of = f"{left:,} of {len(items):,} connectors"
            self._note(f"The {what} of {of} were not {verb}: {why}.")
        return done, failed

    def _note(self, note: str) -> None:
        log.info("%s", note)
        self.on_note(note)

    def _complete(self, connector_id: str, listed: Raw, details: Raw | None, tested: bool) -> bool:
        if details is None:
            return False
        try:
            completed = self.normalizer.complete(listed, details, tested=tested)
        except UnexpectedResponseError as error:
            log.info("%s", error)
            return False
        self.spool.add_details(completed)
        return True
