"""An account whose list leaves out what details and setup tests tell, and what a run asks."""

from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Engine, text

from inventory.column_types import UtcDateTime
from inventory.db.engine import read_only
from inventory.demo.fake_api import FakeApi, FakeResponse, Request
from inventory.settings import EnrichmentSettings
from inventory.sync.run import RunRow, sync
from support.builders import Account, FakeClock, Item, api_settings, contents, item

LOGIN_FAILED = {
    "title": "Validate Login",
    "status": "FAILED",
    "message": "Invalid login credentials",
}


class DetailedAccount(Account):
    """`results` are what the answer to a setup test tells beside the details, by connector.

    Without them, it is that there are no setup tests.
    """

    def __init__(self, *connectors: Item) -> None:
        super().__init__()
        self.connectors = [*connectors]
        self.results: dict[str, Item] = {}

    def tested(self, connector_id: str) -> Item | None:
        found = self.details(connector_id)
        results = self.results.get(connector_id, {"setup_tests": []})
        return None if found is None else found | results

    def change(self, connector_id: str, **fields: Any) -> None:
        """Have the list tell other fields of a connector; one that is Ellipsis, no more."""
        [place] = [n for n, each in enumerate(self.connectors) if each["id"] == connector_id]
        changed = self.connectors[place] | fields
        self.connectors[place] = {name: it for name, it in changed.items() if it is not ...}


def fill(account: DetailedAccount, number: int) -> None:
    """Give the account connectors c0, c1, ..., whose details tell a config."""
    ids = [f"c{n}" for n in range(number)]
    account.connectors = [item(each) for each in ids]
    account.more = {each: {"config": {"host": f"{each}.example"}} for each in ids}


class Runs:
    """Runs, one a quarter of an hour after the other, and what each of them asked for."""

    def __init__(self, engine: Engine, api: FakeApi, clock: FakeClock, **settings: Any) -> None:
        self.engine, self.api, self.clock = engine, api, clock
        self._settings = settings
        self.notes: list[str] = []  # of the last run

    def __call__(self, **enrichment: Any) -> RunRow:
        """Sync; return the row of the run."""
        self.api.requests.clear()
        self.notes.clear()
        return sync(
            self.engine,
            api_settings(self.api, **self._settings),
            clock=self.clock,
            on_note=self.notes.append,
            enrichment=EnrichmentSettings(**enrichment),
        )

    @property
    def read(self) -> list[str]:
        """The connectors whose details the last run asked for."""
        return [name_of(each) for each in self.api.requests if is_details(each)]

    @property
    def tested(self) -> list[str]:
        """The connectors whose setup tests it asked for."""
        return [name_of(each) for each in self.api.requests if each.method == "POST"]


def is_details(request: Request) -> bool:
    parts = request.path.split("/")
    return request.method == "GET" and len(parts) == 4 and parts[2] in ("connectors", "connections")


def name_of(request: Request) -> str:
    return request.path.split("/")[3]


def answering(
    answer: FakeResponse | Callable[[Request], FakeResponse | None],
    ids: Iterable[str] | None = None,
) -> Callable[[Request], FakeResponse | None]:
    """Answer so to requests for the details of these connectors, or of all."""
    wanted = None if ids is None else {*ids}

    def intercept(request: Request) -> FakeResponse | None:
        if not is_details(request) or (wanted is not None and name_of(request) not in wanted):
            return None
        return answer if isinstance(answer, FakeResponse) else answer(request)

    return intercept


def one(engine: Engine, connector_id: str, table: str = "connectors") -> dict[str, Any]:
    """The row of a connector in a table or view."""
    [row] = [row for row in contents(engine)[table] if row["connector_id"] == connector_id]
    return row


def query(engine: Engine, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
    with read_only(engine) as connection:
        return [tuple(row) for row in connection.execute(text(sql), parameters)]


def due_at(engine: Engine, connector_id: str) -> Any:
    sql = text("select due_at from connector_status where connector_id = :id")
    with read_only(engine) as connection:
        typed = sql.columns(due_at=UtcDateTime())
        return connection.scalar(typed, {"id": connector_id})
