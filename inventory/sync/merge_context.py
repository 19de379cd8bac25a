"""The run that a merge belongs to, and the execution of its statements with parameters of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Connection, Executable, bindparam

from inventory.column_types import BIGINT, TEXT, TIMESTAMP

# The parameters of statements, in the order of `MergeContext.parameters`.
OBSERVED_AT: BindParameter[datetime] = bindparam("now", type_=TIMESTAMP)
PREVIOUS_AT: ColumnElement[datetime] = bindparam("before", type_=TIMESTAMP)
CLOCK: BindParameter[datetime] = bindparam("clock", type_=TIMESTAMP)
ACCOUNT: ColumnElement[str] = bindparam("account", type_=TEXT)
RUN: ColumnElement[int] = bindparam("run", type_=BIGINT)


@dataclass(frozen=True)
class MergeContext:
    """The timestamp of a merge, that of the account's previous complete run, account and run.

    `clock` is set if the database's clock is behind `observed_at`: deadlines pass by the clock.
    """

    account_id: str
    run_id: int
    observed_at: datetime
    previous_at: datetime | None
    clock: datetime | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        return {
            "now": self.observed_at,
            "before": self.previous_at,
            "clock": self.clock or self.observed_at,
            "account": self.account_id,
            "run": self.run_id,
        }


def execute(connection: Connection, context: MergeContext, statement: Executable) -> int:
    """Execute a statement with the parameters of the merge; return how many rows it wrote."""
    options = {"preserve_rowcount": True}
    return connection.execute(statement, context.parameters, execution_options=options).rowcount
