"""Sends one request per connector, several at once, each once.

For what is useful and not necessary: a request that fails is not repeated, and none begins when
little is left of the time or of the account's quota.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue

from msgspec import Raw

from inventory.api.attempts import KEEPALIVE_SECONDS, Attempts
from inventory.api.exchange import Exchange, Method
from inventory.api.responses import (
    RetryableResponseError,
    describe_response,
    parse_success,
)
from inventory.errors import ConfigurationError, UnexpectedResponseError

log = logging.getLogger(__name__)

# A signal may reach another thread, and its handler runs when this one wakes.
_WAKE_SECONDS = 0.2


def fan_out(
    attempts: Attempts,
    connector_ids: Iterable[str],
    path_of: Callable[[str], str],
    *,
    method: Method,
    concurrency: int,
    interval: float,
) -> Iterator[tuple[str, Raw | None]]:
    """Yield each connector with the item of its response, in the order in which they come.

    Yields None in place of the item if no usable response came. At most one request begins per
    `interval` seconds. Connectors for which none was begun are not yielded.
    """
    waiting = iter(connector_ids)
    running: dict[str, Exchange] = {}
    ended: SimpleQueue[str] = SimpleQueue()
    next_at = attempts.now()
    while True:
        while len(running) < concurrency:
            attempts.obstacle = _obstacle(attempts, len(running))
            if attempts.obstacle:
                break
            connector_id = next(waiting, None)
            if connector_id is None:
                break
            attempts.sleep(min(next_at - attempts.now(), attempts.seconds_left))
            attempts.obstacle = _obstacle(attempts, len(running))
            if attempts.obstacle:
                break
            next_at = attempts.now() + interval
            running[connector_id] = attempts.send(
                path_of(connector_id), {}, method=method, on_end=partial(ended.put, connector_id)
            )
        if not running:
            return
        connector_id = _first_ended(attempts, running, ended)
        yield connector_id, _item_or_none(attempts, connector_id, running.pop(connector_id))


def _obstacle(attempts: Attempts, in_progress: int) -> str | None:
    """Return why no more requests may begin; None if they may."""
    if attempts.seconds_left <= 0:
        return "the time for such requests is over"
    if attempts.is_refused:
        return "the API has answered 429"
    quota = attempts.rate_limit
    if quota and quota.is_low(in_progress=in_progress, necessary=attempts.necessary):
        left = f"{quota.remaining:,} of {quota.limit:,} requests"
        return f"the account's quota has {left} left, which are kept for the lists"
    return None


def _first_ended(
    attempts: Attempts, running: dict[str, Exchange], ended: "SimpleQueue[str]"
) -> str:
    """Wait for one to end; if none does in time, return one, which its watch ends."""
    next_call = attempts.now() + KEEPALIVE_SECONDS
    while attempts.seconds_left > 0:
        with suppress(Empty):
            return ended.get(timeout=min(_WAKE_SECONDS, attempts.seconds_left))
        if attempts.now() >= next_call:
            attempts.on_wait()
            next_call += KEEPALIVE_SECONDS
    return next(iter(running))


def _item_or_none(attempts: Attempts, connector_id: str, exchange: Exchange) -> Raw | None:
    try:
        response = attempts.response_of(exchange)
        if response.status != 200:
            raise RetryableResponseError(describe_response(response))
        return parse_success(response).data
    except RetryableResponseError as failure:
        log.info("The request for connector %s %s", connector_id, failure)
    except (ConfigurationError, UnexpectedResponseError) as error:
        log.info("The request for connector %s failed. %s", connector_id, error)
    return None
