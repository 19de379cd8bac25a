"""`inventory query`: a person's own SQL."""

from typing import Any

import click

from inventory.cli import frame
from inventory.cli.options import WORDS, asked_format


# SQL may begin with a comment, which looks like an option.
@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("sql", type=WORDS, required=False)
@asked_format
@frame.reported
def query(sql: str | None, output_format: Any) -> None:
    """Answer one SQL query, which can only read. Without SQL, list the tables and views.

    Of two columns with one name, the second is shown as name_2.
    """
    from inventory import output
    from inventory import query as queries

    engine = frame.engine()
    answer = queries.relations(engine) if sql is None else queries.ask(engine, sql)
    output.write_rows(answer.rows, answer.columns, output_format)
