"""How many sessions a run opens on PostgreSQL, and what is left of one transaction in the next."""

from sqlalchemy import event, text
from support.builders import Account, api_settings, connect, item

from inventory.db.engine import kept_session, read_only, transaction
from inventory.demo.fake_api import FakeApi, Request
from inventory.sync.run import sync


def test_run_opens_four_sessions_and_holds_one_while_it_waits(
    postgres_url: str, api: FakeApi, account: Account
) -> None:
    """That of the lock, and one each before the account is known, before the walk, and to merge."""
    account.connectors = [item()]
    opened: list[object] = []
    closed: list[object] = []
    held_while_waiting: set[int] = set()
    engine = connect(postgres_url)
    event.listen(engine, "connect", lambda *session: opened.append(session))
    event.listen(engine, "close", lambda *session: closed.append(session))

    def intercept(request: Request) -> None:
        if request.path in ("/v1/account/info", "/v1/groups"):  # the latter during the walk
            held_while_waiting.add(len(opened) - len(closed))

    api.intercept = intercept
    sync(engine, api_settings(api))
    assert (len(opened), held_while_waiting, len(closed)) == (4, {1}, 4)


def test_kept_session_writes_as_a_new_one_would(postgres_url: str) -> None:
    """A server may be told that sessions only read: a read-only transaction leaves it at that."""
    settings = "-c%20default_transaction_read_only%3Don"
    engine = connect(f"{postgres_url}&options={settings}")
    process = text("select pg_backend_pid()")
    modes = text(
        "select current_setting('transaction_read_only'), current_setting('transaction_isolation')"
    )
    with kept_session(engine):
        with read_only(engine) as connection:
            first = connection.scalar(process)
            assert connection.execute(modes).one() == ("on", "repeatable read")
        with transaction(engine) as connection:
            assert connection.scalar(process) == first
            assert connection.execute(modes).one() == ("on", "read committed")
