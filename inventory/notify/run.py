"""Runs `inventory notify`: lock, read one snapshot, decide, send, and record each channel."""

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import NamedTuple

from sqlalchemy import Engine

from inventory.db import revision, session
from inventory.db.engine import transaction
from inventory.db.locks import command_lock
from inventory.errors import ConfigurationError, DeliveryError, InventoryError
from inventory.notify import config as configuration
from inventory.notify import delivery, facts, message, state
from inventory.notify.config import NotifyConfig
from inventory.notify.decide import news_for
from inventory.notify.delivery import Letter, Outcome
from inventory.notify.events import News
from inventory.notify.inputs import ChannelState
from inventory.notify.message import Message
from inventory.settings import Secret

LOCK_TIMEOUT = 60.0  # seconds


class Report(NamedTuple):
    """What a channel was told, or would be; None = there was nothing to tell."""

    channel: str
    message: Message | None
    error: InventoryError | None = None


class _Plan(NamedTuple):
    news: Sequence[News]
    states: Mapping[str, ChannelState]
    now: datetime


def notify(
    engine: Engine,
    config: NotifyConfig,
    *,
    lock_timeout: float = LOCK_TIMEOUT,
    environ: Mapping[str, str] = os.environ,
) -> list[Report]:
    """Tell each channel its news. What is recorded has been delivered.

    A message is sent before it is recorded: if the process ends in between, the next run sends it
    again. Raises AlreadyRunningError if another process holds the lock for longer than that, and
    ConfigurationError if apprise is not installed.
    """
    revision.require_current(engine)  # or the lock would leave a file beside no database
    with command_lock(engine, "notify", "`inventory notify`", lock_timeout) as lock:
        plan = _plan(engine, config)
        urls, failed = _urls(config, environ)
        with transaction(engine) as connection:
            state.forget_failures_but_of(connection, [each.name for each in config.channels])
            for news in plan.news:
                if not news.is_message and news.channel in urls:
                    state.record_told(connection, news, plan.now)
        messages = _messages(plan)
        letters = {
            name: Letter(url, messages[name]) for name, url in urls.items() if name in messages
        }
        lock.check()  # or another process may be sending the same by now
        outcomes = {}
        for outcome in chain(failed, delivery.send_all(letters)):
            _record(engine, plan, outcome)
            outcomes[outcome.channel] = outcome.error
    return [
        Report(each.name, messages.get(each.name), outcomes.get(each.name))
        for each in config.channels
    ]


def preview(engine: Engine, config: NotifyConfig) -> list[Report]:
    """Return what each channel would be told now. It writes nothing and needs no URL."""
    messages = _messages(_plan(engine, config))
    return [Report(each.name, messages.get(each.name)) for each in config.channels]


def send_test(config: NotifyConfig, name: str, environ: Mapping[str, str] = os.environ) -> Report:
    """Send a test message to one channel, and record nothing."""
    channel = config.channel(name)
    letter = Letter(configuration.url_of(channel, environ), message.for_test(name))
    [outcome] = delivery.send_all({name: letter})
    return Report(name, letter.message, outcome.error)


def failure(reports: Sequence[Report]) -> InventoryError | None:
    """Return one error that names the channels that could not be told, and why; None = all were.

    It asks for a correction if any of them needs one.
    """
    failed = [(report.channel, report.error) for report in reports if report.error is not None]
    if not failed:
        return None
    reasons = " ".join(f"Channel {name} could not be told: {_sentence(e)}" for name, e in failed)
    if any(isinstance(error, ConfigurationError) for _, error in failed):
        return ConfigurationError(f"{reasons} The next run tries again.")
    return DeliveryError(f"{reasons} The next run tries again.")


def _sentence(error: InventoryError) -> str:
    text = str(error)
    return text if text.endswith(".") else f"{text}."


def _plan(engine: Engine, config: NotifyConfig) -> _Plan:
    with session.open_session(engine) as connection:
        states = state.read(connection, config.channels)
        found = facts.read(connection, states)
    news = [news_for(each, config, found, states.get(each.name)) for each in config.channels]
    return _Plan(news, states, found.now)


def _messages(plan: _Plan) -> dict[str, Message]:
    return {news.channel: message.compose(news, plan.now) for news in plan.news if news.is_message}


def _urls(
    config: NotifyConfig, environ: Mapping[str, str]
) -> tuple[dict[str, Secret], list[Outcome]]:
    """Return the URLs of channels, and the channels whose URL cannot be read."""
    urls, failed = {}, []
    for channel in config.channels:
        try:
            urls[channel.name] = configuration.url_of(channel, environ)
        except ConfigurationError as error:
            failed.append(Outcome(channel.name, error))
    return urls, failed


def _record(engine: Engine, plan: _Plan, outcome: Outcome) -> None:
    known = plan.states.get(outcome.channel)
    with transaction(engine) as connection:
        if outcome.error is None:
            news = next(each for each in plan.news if each.channel == outcome.channel)
            state.record_told(connection, news, plan.now)
        else:
            since = known.failing_since if known else None
            state.record_failure(
                connection, outcome.channel, plan.now, str(outcome.error), since=since
            )
