"""`inventory query`: a user's own SQL."""

import click

from inventory.cli import base, input_file
from inventory.cli.options import TEXT, rows_output
from inventory.cli.sections import command, option
from inventory.errors import ConfigurationError
from inventory.output.formats import Output


# SQL may begin with a comment ("-- ..."), which looks like an option.
@command(context_settings={"ignore_unknown_options": True})
@click.argument("sql", type=TEXT, required=False)
@option("--file", metavar="FILE", help="Read the SQL from this file; - is stdin.")
@rows_output
@base.reports_errors
def query(sql: str | None, file: str | None, output: Output) -> None:
    """Run one read-only SQL query.

    Without SQL, lists the tables and views. SQL may be - to read it from stdin.

    JSON and CSV rows are written as the database returns them; a table is written at the end. If
    two columns have the same name, the second is shown as name_2. On PostgreSQL, the query runs as
    a read-only role (see `inventory db grant-reader`) if your user is a member of one.
    """
    from inventory.output.listing import write_rows
    from inventory.queries import sql as queries

    if sql is not None and file is not None:
        raise click.UsageError("Pass the SQL or --file, not both.")
    source = input_file.STDIN if sql == input_file.STDIN else file
    statement = sql if source is None else _read(source)
    engine = base.engine()
    if statement is None:
        result = queries.relations(engine)
        write_rows(result.rows, result.columns, output)
        return
    with queries.stream(engine, statement) as result:
        write_rows(result.rows, result.columns, output)


def _read(file: str) -> str:
    """Return the text of a file.

    Raises ConfigurationError if it cannot be read or is not UTF-8.
    """
    try:
        return input_file.read_bytes(file).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{input_file.name_of(file)} is not valid UTF-8: {error.reason}. Save it as UTF-8."
        ) from error
