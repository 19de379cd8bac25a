"""Every URL that libpq accepts works, and an invalid one is reported by its parameter.

A failed connection exits with 2 if settings are wrong and with 1 if the failure may be temporary,
whatever the language of the message.
"""

import logging
import select
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
import trustme
from click.testing import CliRunner
from sqlalchemy import text
from support import servers
from support.builders import (
    Account,
    api_settings,
    connect,
    item,
)

from inventory import redaction
from inventory.cli import main
from inventory.db import errors
from inventory.db.engine import file_of, read_only, transaction
from inventory.demo.fake_api import FakeApi
from inventory.errors import ConfigurationError, DatabaseUnavailableError, InventoryError
from inventory.sync.run import sync

PASSWORD = "hunter2-b64"


def failure(url: str) -> InventoryError:
    """The error of an attempt to read; it shows no password."""
    with pytest.raises(InventoryError) as error, read_only(connect(url)) as connection:
        connection.execute(text("select 1"))
    assert "b64" not in redaction.redacted(str(error.value))
    return error.value


def port_of_nobody() -> int:
    with closing(socket.socket()) as nobody:
        nobody.bind(("127.0.0.1", 0))
        port: int = nobody.getsockname()[1]
        return port


# --- what is taken, and how it is shown -----------------------------------------------------


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u@h1:5432,h2:5433/d?target_session_attrs=any", "postgresql://u@h1:5432,h2:5433/d"),
        (f"postgresql://u:{PASSWORD}@h1,h2:6/d", "postgresql://u:***@h1,h2:6/d"),
        ("postgresql://u@[::1]:5433,[fe80::1]/d", "postgresql://u@[::1]:5433,[fe80::1]/d"),
        ("postgresql://u@/d?host=h&port=5433", "postgresql://u@h:5433/d"),
        ("postgresql://u@/d?host=h1,h2&port=7", "postgresql://u@h1:7,h2:7/d"),
        ("postgresql://u@/d?hostaddr=127.0.0.1", "postgresql://u@127.0.0.1/d"),
        ("postgresql://u@%2Frun%2Fpg:5432/d", "postgresql://u@/d?host=/run/pg&port=5432"),
        ("postgresql://u@/d?host=/run/pg,h2", "postgresql://u@/d?host=/run/pg,h2"),
        (f"postgresql://u@h/d?password={PASSWORD}", "postgresql://u:***@h/d"),
        (f"postgresql://u:1/{PASSWORD}?&@h/d", "postgresql://u:***@h/d"),
        ("postgresql://u@h/d?options=-c%20jit=off", "postgresql://u@h/d"),
        ("postgresql://u:p%24x-b64@h/d%20d", "postgresql://u:***@h/d%20d"),
        (f"postgresql://u@h/d?passfile=/nowhere&sslpassword={PASSWORD}", "postgresql://u@h/d"),
    ],
)  # fmt: skip
def test_address_is_shown_with_its_hosts_and_without_its_password(url: str, shown: str) -> None:
    engine = connect(url)
    assert errors.display_url(engine) == shown
    again = connect(engine.url.render_as_string(hide_password=False))
    assert errors.display_url(again) == shown


@pytest.mark.parametrize("driver", ["psycopg2", "asyncpg", "pg8000"])
def test_driver_of_other_tools_is_replaced_and_logged(
    driver: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "inventory"):
        engine = connect(f"postgresql+{driver}://u:{PASSWORD}@h/d")
    assert (engine.driver, errors.display_url(engine)) == ("psycopg", "postgresql://u:***@h/d")
    [record] = caplog.records
    assert (record.levelname, driver in record.getMessage()) == ("INFO", True)


def test_psycopg_is_not_imported_for_sqlite(tmp_path: Path) -> None:
    words = (
        "import sys; sys.path.insert(0, 'tests'); "
        "from inventory import settings; from inventory.db import engine;"
        f"s = settings.database_settings({{'INVENTORY_DATABASE_URL': 'sqlite:///{tmp_path}/x'}});"
        "engine.connect(s); print([m for m in sys.modules if m.startswith('psycopg')])"
    )
    assert subprocess.check_output([sys.executable, "-c", words], text=True) == "[]\n"


# --- mistakes -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rest", "named", "instead"),
    [
        ("?pgbouncer=true&connection_limit=1", "pgbouncer", "connection_limit"),
        ("?schema=public", "schema", "INVENTORY_SCHEMA"),
        ("?currentSchema=public", "currentSchema", "INVENTORY_SCHEMA"),
        ("?ssl=true", "ssl", "sslmode=require"),
        ("?sslMode=require", "sslMode", "write sslmode="),
        ("?sslmode=no-verify", "sslmode=no-verify", "require"),
        ("?row_factory=x", "row_factory", "leave it out"),
        ("?autocommit=true", "autocommit", "leave it out"),
        ("?statement_timeout=5s", "statement_timeout", "options=-c%20statement_timeout%3D"),
        ("?host=a&host=b", "host=", "host=one,two"),
        ("?service=nope", '"nope"', "Correct the URL"),
        ("?target_session_attrs=x", "target_session_attrs", "Correct the URL"),
        ("?port=5432,5433,5434", "ports", "one port for each host"),
        ("?port=70000", "port", "65535"),
        ("?hostaddr=127.0.0.1,db", "not a numeric address: db", "host="),
    ],
)
def test_invalid_parameter_is_named_with_what_to_write_instead(
    rest: str, named: str, instead: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        connect(f"postgresql://u:{PASSWORD}@h1,h2/d{rest}")
    said = str(refused.value)
    assert (named in said, instead in said) == (True, True), said
    assert ("INVENTORY_DATABASE_URL" in said, "b64" in said) == (True, False)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///$HOME/inv.db",
        "sqlite:////srv/${STAGE}/inv.db",
        "postgresql://$USER:$PASS@h/d",
        "postgresql://u:${PW}@h/d",
        "postgresql://u@$HOST:5432/d",
        "postgresql://u@h/$DB?sslmode=require",
    ],
)
def test_unexpanded_variable_is_rejected(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INVENTORY_DATABASE_URL", url)
    result = CliRunner().invoke(main, ["db", "upgrade"])
    assert (result.exit_code, "which only a shell expands" in result.stderr) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_literal_dollar_can_be_written(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///file:{tmp_path}/%24HOME.db")
    assert file_of(engine) == tmp_path / "$HOME.db"


@pytest.mark.parametrize("name", ["PGSERVICE", "PGSSLMODE", "PGTARGETSESSIONATTRS"])
def test_invalid_variable_of_libpq_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "nope")
    with pytest.raises(ConfigurationError, match=f"nope.*{name}"):
        connect("postgresql://u@h/d")


WRONG = [
    *(("PGPORT", port) for port in ("abc", "99999", "0", "5432,5433", "-1", "1.5")),
    *(("PGHOSTADDR", address) for address in ("abc", "127.0.0.1,::1", "127.0.0.1:5432")),
    ("PGHOST", "one,two"),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_variable_with_an_invalid_host_or_port_is_named(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = {"PGHOST": "postgresql://u@/d?port=1,2,3", "PGHOSTADDR": "postgresql://u@h/d"}
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=name):
        connect(url.get(name, "postgresql:///d"))


@pytest.mark.parametrize(
    ("name", "value", "url"),
    [
        ("PGPORT", "abc", "postgresql://u@h:5432/d"),
        ("PGPORT", " 5432 ", "postgresql://u@h/d"),
        ("PGPORT", "5432,5433", "postgresql://u@h1,h2/d"),
        ("PGHOST", "one,two", "postgresql://u@h:5432/d"),
        ("PGHOSTADDR", "::1", "postgresql://u@h/d"),
    ],
)
def test_valid_or_unused_variable_is_accepted(
    name: str, value: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    assert connect(url).driver == "psycopg"


# --- a server -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[servers.Postgres]:
    """A server on TCP and on a socket; `pw` needs a password, `one` may not connect at all."""
    port = port_of_nobody()
    with servers.postgres(*servers.HURRIED, "listen_addresses=127.0.0.1", f"port={port}") as made:
        made.port = port
        (made.data / "pg_hba.conf").write_text(
            "host all pw 127.0.0.1/32 scram-sha-256\n"
            "host all one,limited,postgres 127.0.0.1/32 trust\nlocal all all trust\n"
        )
        execute(
            made,
            f"create role pw login password '{PASSWORD}'",
            "create role one login connection limit 0",
            "create role limited login connection limit 1",
            "create database closed allow_connections false",
            "select pg_reload_conf()",
        )
        wait_until(made, "select count(*) = 3 from pg_hba_file_rules")
        yield made


def execute(server: servers.Postgres, *statements: str) -> object:
    address = f"{server.url}&port={server.port}"
    with psycopg.connect(address, autocommit=True) as connection:
        for statement in statements:
            last = connection.execute(statement.encode())
        return last.fetchone() if last.description else None


def wait_until(server: servers.Postgres, question: str) -> None:
    gives_up_at = time.monotonic() + 10
    while execute(server, question) != (True,):
        assert time.monotonic() < gives_up_at
        time.sleep(0.01)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://postgres@127.0.0.1:{nobody},127.0.0.1:{port}/postgres",
        "postgresql://postgres@nope.invalid,127.0.0.1:{port}/postgres?target_session_attrs=primary",
        "postgresql://postgres@{folder}:{port}/postgres",
        "postgresql://postgres@/postgres?host=/nowhere,{home}&port={port}",
        "postgresql://?service=mine",
        "postgresql://pw@127.0.0.1:{port}/postgres?passfile={passfile}",
        "postgresql:///postgres?user=postgres",
        "postgresql:///postgres?user=postgres&options=-c+jit=off+-c+work_mem%3D9MB",
    ],
)
def test_every_form_of_libpq_connects(
    address: str, server: servers.Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, home = server.port, server.home
    passfile, services = tmp_path / "pass", tmp_path / "services"
    passfile.write_text(f"127.0.0.1:{port}:*:pw:{PASSWORD}\n")
    passfile.chmod(0o600)
    services.write_text(f"[mine]\nhost={home}\nport={port}\nuser=postgres\ndbname=postgres\n")
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    monkeypatch.setenv("PGHOST", str(home))
    monkeypatch.setenv("PGPORT", str(port))
    monkeypatch.setenv("PGAPPNAME", "mine")
    folder, nobody = str(home).replace("/", "%2F"), port_of_nobody()
    names = {"folder": folder, "home": home, "port": port, "nobody": nobody, "passfile": passfile}
    with read_only(connect(address.format(**names))) as connection:
        assert connection.scalar(text("show application_name")) == "mine"


@pytest.mark.parametrize(
    ("rest", "code"),
    [
        (f"pw:wrong-{PASSWORD}@{{at}}/postgres", 2),
        ("pw@{at}/postgres", 2),
        (f"pw:{PASSWORD}@{{at}}/nowhere", 2),
        ("nobody@{at}/postgres", 2),
        ("postgres@{at}/closed", 2),
        ("postgres@{at}/postgres?sslmode=require", 2),
        ("postgres@{at}/postgres?require_auth=none,scram-sha-256", None),
        ("postgres@{at}/postgres?options=-c%20nonsense=1", 2),
        ("postgres@{at}/postgres?connect_timeout=soon", 2),
        ("one@{at}/postgres", 1),
        ("postgres@{at}/postgres?target_session_attrs=standby", 1),
        ("postgres@127.0.0.1:{nobody}/postgres", 1),
        ("postgres@nope.invalid/postgres", 2),
        (f"postgres@{'x' * 80}.com/postgres", 2),
        ("postgres@nope.invalid,127.0.0.1:{nobody}/postgres", 1),
        ("postgres@nope.invalid,127.0.0.1:{port}/nowhere", 2),
        ("postgres@%2Fnowhere/postgres", 1),
        ("postgres@%2Fdev%2Fnull/postgres", 2),
        (f"postgres@%2F{'x' * 120}/postgres", 2),
    ],
)
def test_exit_code_shows_whether_settings_are_wrong(
    rest: str, code: int | None, server: servers.Postgres
) -> None:
    port = server.port
    at = f"127.0.0.1:{port}"
    url = f"postgresql://{rest.format(at=at, port=port, nobody=port_of_nobody())}"
    if code is None:
        with read_only(connect(url)):
            return
    error = failure(url)
    assert error.exit_code == code, error
    assert str(error).startswith(errors.display_url(connect(url)))


def test_role_with_one_connection_gets_the_advice_that_a_run_needs_two(
    server: servers.Postgres, api: FakeApi
) -> None:
    port = server.port
    execute(server, "create schema authorization limited")
    url = f"postgresql://limited@127.0.0.1:{port}/postgres"
    needs_two = pytest.raises(DatabaseUnavailableError, match="A run needs two connections at once")
    with psycopg.connect(url), needs_two:  # as the run's own lock would be
        sync(connect(url, "limited"), api_settings(api))


Handler = Callable[[socket.socket], None]
TLS_REQUEST = 80877103


@contextmanager
def listening(handle: Handler) -> Iterator[int]:
    """Serve one connection after the other by `handle`, which may break off; the port."""

    def serve() -> None:
        while True:
            try:
                line, _ = listener.accept()
            except OSError:
                return
            with line, suppress(OSError, struct.error):
                handle(line)

    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def in_front_of(port: int, tls: ssl.SSLContext) -> Handler:
    """Offer TLS in front of a server, as the one of the tests is built without it."""

    def handle(line: socket.socket) -> None:
        while struct.unpack("!ii", line.recv(8))[1] != TLS_REQUEST:
            line.sendall(b"N")
        line.sendall(b"S")
        with (
            tls.wrap_socket(line, server_side=True) as client,
            socket.create_connection(("127.0.0.1", port)) as server,
        ):
            while True:
                for each in select.select([client, server], [], [])[0]:
                    if not (data := each.recv(65536)):
                        return
                    (server if each is client else client).sendall(data)

    return handle


def saying_after_the_password(answer: bytes) -> Handler:
    def handle(line: socket.socket) -> None:
        while struct.unpack("!ii", line.recv(8))[1] == TLS_REQUEST:
            line.sendall(b"N")
        line.recv(9999)
        line.sendall(b"R" + struct.pack("!ii", 8, 3))
        line.recv(9999)
        line.sendall(answer)

    return handle


def test_tls_that_is_not_trusted_is_a_setting(server: servers.Postgres, tmp_path: Path) -> None:
    authority, other = trustme.CA(), trustme.CA()
    named, unknown = tmp_path / "authority.pem", tmp_path / "other.pem"
    authority.cert_pem.write_to_path(str(named))
    other.cert_pem.write_to_path(str(unknown))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    with listening(in_front_of(server.port, tls)) as port:
        rest = f"127.0.0.1:{port}/postgres?sslmode=verify-full&sslrootcert="
        with read_only(connect(f"postgresql://postgres@{rest}{named}")):
            pass
        for root in (tmp_path / "nowhere.pem", unknown):
            assert failure(f"postgresql://postgres@{rest}{root}").exit_code == 2
        assert failure(f"postgresql://one@{rest}{named}").exit_code == 1
        if psycopg.pq.version() >= 180000:  # older ones show no code within TLS
            assert failure(f"postgresql://pw:no-{PASSWORD}@{rest}{named}").exit_code == 2


# --- a server that speaks another language --------------------------------------------------


def refused(code: str) -> bytes:
    fields = f"S致命错误\0VFATAL\0C{code}\0M密码不对\0\0".encode()
    return b"E" + struct.pack("!i", 4 + len(fields)) + fields


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (refused("28P01"), 2),
        (refused("28000"), 2),
        (refused("3D000"), 2),
        (refused("42501"), 2),
        (refused("22023"), 2),
        (refused("53300"), 1),
        (refused("57P03"), 1),
        (refused("XX000"), 1),
        (b"", 1),
    ],
)
def test_server_is_judged_by_its_code_in_any_language(answer: bytes, code: int) -> None:
    with listening(saying_after_the_password(answer)) as port:
        error = failure(f"postgresql://u:{PASSWORD}@127.0.0.1:{port}/d?gssencmode=disable")
    assert error.exit_code == code, error


# --- temporary failures ---------------------------------------------------------------------


def test_standby_is_a_temporary_failure(api: FakeApi, account: Account) -> None:
    account.connectors = [item("one")]
    with servers.postgres(*servers.HURRIED) as server:
        engine = connect(server.url)
        sync(engine, api_settings(api))
        server.stop()
        (server.data / "standby.signal").touch()
        server.start()
        with pytest.raises(
            DatabaseUnavailableError, match=r"is a standby now.*read-only transaction"
        ):
            sync(engine, api_settings(api))


def test_cancelled_query_is_reported_as_a_query(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "INVENTORY_DATABASE_URL", f"{postgres_url}&options=-c%20statement_timeout=300ms"
    )
    questions: list[Callable[[], str]] = [
        lambda: CliRunner().invoke(main, ["incidents"]).stderr,
        lambda: CliRunner().invoke(main, ["query", "select * from connectors"]).stderr,
    ]
    with transaction(connect(postgres_url)) as other:
        other.exec_driver_sql("lock table connectors in access exclusive mode")
        for ask in questions:
            said = ask()
            assert "did not respond: canceling statement due to statement timeout" in said
            assert ("statement_timeout" in said, "run" in said) == (True, False)
