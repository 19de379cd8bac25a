"""People who are told: channels to local receivers, and the account that they are told of."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, insert

from inventory.cli import main
from inventory.db.engine import transaction
from inventory.demo.fake_api import FakeApi, FakeResponse
from inventory.errors import InventoryError
from inventory.models import TAGS
from inventory.sync.run import sync
from support import notified_world as world
from support.builders import KEY, SECRET, Account, FakeClock, FakeMonotonic, api_settings, connect
from support.four_days import stop_clock
from support.receivers import HttpReceiver, MailReceiver, Post, http_receiver, mail_receiver

TOKEN = "tokenofmattermost123456789"
PASSWORD = "password-of-the-mailbox"
SECRETS = (TOKEN, PASSWORD, *(f"secret-of-{name}" for name in ("all", "tier1", "digest")))
CONFIG = """
[notify]
after = "40m"
remind = "6h"
[[notify.channel]]
name = "all"
url_env = "ALL_URL"
[[notify.channel]]
name = "growth"
url_env = "GROWTH_URL"
match = { owner = ["growth"], health = ["broken", "failing"] }
[[notify.channel]]
name = "mail"
url_env = "MAIL_URL"
match = { owner = ["finance"] }
[[notify.channel]]
name = "tier1"
url_env = "TIER1_URL"
match = { tier = ["1"], health = ["broken"] }
[[notify.channel]]
name = "digest"
url_env = "DIGEST_URL"
digest = "08:00"
"""


class Message(NamedTuple):
    channel: str
    title: str
    text: str


class People(NamedTuple):
    """Who listens: `posts` to all channels but "mail", `mails` to that one."""

    posts: HttpReceiver
    mails: MailReceiver

    @property
    def urls(self) -> dict[str, str]:
        """The variables with the URLs of the channels, each of which holds a secret."""
        json = {
            f"{name.upper()}_URL": f"json://user-{name}:secret-of-{name}@{self.posts.address}/{name}"
            for name in ("all", "tier1", "digest")
        }
        return json | {
            "GROWTH_URL": f"mmost://{self.posts.address}/{TOKEN}",
            "MAIL_URL": f"mailto://inventory:{PASSWORD}@{self.mails.address}/"
            "?from=inventory@example.com&to=finance@example.com&mode=insecure",
        }

    def take(self) -> list[Message]:
        """Return what has arrived since the last call, by channel."""
        arrived = [*map(_posted, self.posts.take()), *map(_mailed, self.mails.take())]
        return sorted(arrived)


def _posted(post: Post) -> Message:
    if post.path.startswith("hooks/"):
        title, _, text = post.body["text"].partition("\r\n")
        return Message("growth", title, text)
    return Message(post.path, post.body["title"], post.body["message"])


def _mailed(mail: EmailMessage) -> Message:
    body = mail.get_body(("plain",))
    assert body is not None
    return Message("mail", str(mail["Subject"]), body.get_content())


@contextmanager
def people() -> Iterator[People]:
    with http_receiver() as posts, mail_receiver() as mails:
        yield People(posts, mails)


class Stage:
    """The world with its account, its database and its people, on which runs are lived."""

    def __init__(self, engine: Engine, api: FakeApi, account: Account, listeners: People) -> None:
        self._engine, self._api, self._account = engine, api, account
        self._clock = FakeClock()
        self.people = listeners
        with transaction(engine) as connection:
            connection.execute(insert(TAGS), [tag._asdict() for tag in world.TAGS])

    def live(self, run: int) -> None:
        """Let a run see the account, and stop the clock there."""
        world.let_it_be(self._account, run)
        self._clock.now = world.at(run)
        fails = run in world.API_DOWN | world.KEY_REVOKED
        status = 401 if run in world.KEY_REVOKED else 500
        self._api.intercept = lambda _: FakeResponse.error(status, "Fault") if fails else None
        try:
            sync(
                self._engine,
                api_settings(self._api, attempts=1),
                clock=self._clock,
                http_clock=FakeMonotonic(),
            )
            assert not fails
        except InventoryError:
            assert fails
        self.stop_clock(run)
        self.people.mails.refuses = run in world.MAIL_REFUSED

    def stop_clock(self, run: int) -> None:
        stop_clock(self._engine, world.at(run))


@contextmanager
def stage(url: str, folder: Path) -> Iterator[Stage]:
    """Set the stage; the variables of a user who is told are set for this process."""
    config = folder / "config.toml"
    config.write_text(CONFIG)
    account = Account()
    with ExitStack() as stack:
        listeners = stack.enter_context(people())
        api = stack.enter_context(FakeApi(account, key=KEY, secret=SECRET))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in variables(url, config, listeners).items():
            patch.setenv(name, value)
        yield Stage(connect(url), api, account, listeners)


def variables(url: str, config: Path, listeners: People) -> dict[str, str]:
    return listeners.urls | {"INVENTORY_DATABASE_URL": url, "INVENTORY_CONFIG": str(config)}


def notify(*words: str) -> Result:
    return CliRunner().invoke(main, ["notify", *words])
