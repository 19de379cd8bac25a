"""What the catalog of a database contains, and commands that other processes execute on it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, inspect, text

from inventory.db import views
from inventory.db.engine import now, read_only, transaction
from inventory.db.revision import VERSION_TABLE
from inventory.models import METADATA
from inventory.sync import run_log

ROOT = Path(__file__).parents[2]
TABLES = set(METADATA.tables)
VIEWS = set(views.VIEWS)


def rules(connection: Connection, table: str) -> list[dict[str, Any]]:
    look = inspect(connection)
    kinds = (look.get_foreign_keys, look.get_check_constraints, look.get_unique_constraints)
    found = [rule for kind in kinds for rule in kind(table)]
    indexes = [
        rule | {"dialect_options": {name: str(value) for name, value in options.items()}}
        for rule in look.get_indexes(table)
        for options in (rule.get("dialect_options", {}),)
    ]
    return sorted([look.get_pk_constraint(table), *found, *indexes], key=repr)


def tables(connection: Connection) -> dict[str, list[str]]:
    """Return columns, constraints and indexes of each table from the catalog."""
    look, commented = inspect(connection), connection.dialect.supports_comments
    return {
        name: [
            *map(repr, look.get_columns(name)),
            *map(repr, rules(connection, name)),
            repr(commented and look.get_table_comment(name)),
        ]
        for name in set(look.get_table_names()) - {VERSION_TABLE}
    }


def shape(engine: Engine) -> dict[str, Any]:
    """Return the tables, the views with their texts, and the revision."""
    with read_only(engine) as connection:
        look = inspect(connection)
        versions = text(f"select version_num from {VERSION_TABLE}")
        return {
            "tables": tables(connection),
            "views": {name: look.get_view_definition(name) for name in look.get_view_names()},
            "at": connection.scalars(versions).all() if look.has_table(VERSION_TABLE) else None,
        }


def add_run(engine: Engine) -> None:
    with transaction(engine) as connection:
        run_log.start(connection, "account_one", now)


def python(*arguments: str, url: str) -> subprocess.Popen[str]:
    """Start another process on the database of that URL, from the checkout."""
    environment = {**os.environ, "INVENTORY_DATABASE_URL": url}
    options = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE) | {"text": True}
    command_line = [sys.executable, "-W", "error", *arguments]
    return subprocess.Popen(command_line, cwd=ROOT, env=environment, **options)
