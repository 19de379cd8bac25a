"""What `inventory schema --format json` says, beside a database, the models and real rows."""

import json
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Connection, text
from support.builders import connect

from inventory.cli import main
from inventory.db.engine import read_only
from inventory.db.revision import VERSION_TABLE
from inventory.dictionary.entities import Entity, all_entities
from inventory.dictionary.joins import Join
from inventory.models import Base

ENTITIES = {entity.name: entity for entity in all_entities()}
RELATIONS = [entity for entity in ENTITIES.values() if entity.kind != "function"]
JOINS = [(entity, join) for entity in RELATIONS for join in entity.joins]


@pytest.fixture(scope="module")
def printed() -> list[dict[str, Any]]:
    done = CliRunner().invoke(main, ["schema", "--format", "json"])
    assert (done.exit_code, done.stderr) == (0, "")
    content: list[dict[str, Any]] = json.loads(done.stdout)
    return content


# --- the catalog of PostgreSQL --------------------------------------------------------------

COLUMNS = """
select attname as name, format_type(atttypid, atttypmod) as type, not attnotnull as nullable,
  col_description(attrelid, attnum) as comment
from pg_attribute where attrelid = to_regclass(:name) and attnum > 0 and not attisdropped
order by attnum
"""
KEY = """
select array(
  select attname from unnest(conkey) with ordinality as of(number, place)
  join pg_attribute on attrelid = conrelid and attnum = number order by place
) from pg_constraint where conrelid = to_regclass(:name) and contype = 'p'
"""
FOREIGN_KEYS = """
select confrelid::regclass::text as target, own.attname as own, other.attname as other
from pg_constraint
join pg_attribute own on own.attrelid = conrelid and own.attnum = any(conkey)
join pg_attribute other on other.attrelid = confrelid and other.attnum = any(confkey)
where conrelid = to_regclass(:name) and contype = 'f'
"""
FUNCTION = """
select obj_description(oid, 'pg_proc') as comment, proargnames[1] as parameter,
  proargnames[2:] as columns,
  array(select format_type(type, null) from unnest(proallargtypes[2:]) as type) as types
from pg_proc where oid = to_regprocedure(:name || '(timestamptz)')
"""


def short(of: str) -> str:
    return "timestamptz" if of == "timestamp with time zone" else of


def test_tables_and_views_are_those_of_the_catalog(
    printed: list[dict[str, Any]], demo_postgres: str
) -> None:
    relations = text(
        "select relname as name, case relkind when 'r' then 'table' else 'view' end as kind "
        "from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'v')"
    )
    comment = text("select obj_description(to_regclass(:name), 'pg_class')")
    with read_only(connect(demo_postgres)) as connection:
        found = {row.name: row.kind for row in connection.execute(relations)}
        assert found.pop(VERSION_TABLE) == "table"
        shown = [each for each in printed if each["kind"] != "function"]
        assert {each["name"]: each["kind"] for each in shown} == found
        for each in shown:
            asked = {"name": each["name"]}
            assert connection.scalar(comment, asked) == each["comment"]
            columns = [dict(row) for row in connection.execute(text(COLUMNS), asked).mappings()]
            check_columns(each, columns)
            if each["kind"] == "table":
                assert connection.scalar(text(KEY), asked) == each["key"]
                # On PostgreSQL the server does not check those of sync_outcomes.
                is_checked = each["name"] != "sync_outcomes"
                assert foreign_keys(connection, each["name"]) == sorted(
                    (join["to"], pair["column"], pair["equals"])
                    for join in each["joins"]
                    if join["foreign_key"] and is_checked
                    for pair in join["on"]
                )


def check_columns(shown: dict[str, Any], columns: list[dict[str, Any]]) -> None:
    expected = [column | {"type": short(column["type"])} for column in columns]
    if shown["kind"] == "view":  # which has no constraints
        expected = [column | {"nullable": None} for column in expected]
    assert shown["columns"] == expected


def foreign_keys(connection: Connection, table: str) -> list[tuple[str, str, str]]:
    return sorted(map(tuple, connection.execute(text(FOREIGN_KEYS), {"name": table}).all()))


def test_functions_are_those_of_the_catalog(
    printed: list[dict[str, Any]], demo_postgres: str
) -> None:
    functions = [each for each in printed if each["kind"] == "function"]
    assert len(functions) == 3
    with read_only(connect(demo_postgres)) as connection:
        for each in functions:
            found = connection.execute(text(FUNCTION), {"name": each["name"]}).mappings().one()
            assert (found["comment"], found["parameter"]) == (each["comment"], "as_of")
            assert found["columns"] == [column["name"] for column in each["columns"]]
            types = [column["type"] for column in each["columns"]]
            assert [*map(short, found["types"])] == types


# --- joins ----------------------------------------------------------------------------------


def test_joins_of_tables_are_the_relationships_of_the_models() -> None:
    related = {
        (mapper.local_table.name, relationship.key, relationship.mapper.local_table.name)
        for mapper in Base.registry.mappers
        for relationship in mapper.relationships
        if relationship.direction.name == "MANYTOONE"
    }
    joins = {(entity.name, join.name, join.target) for entity, join in JOINS}
    assert len(related) > 10
    assert related - joins == set()


def joined_rows(connection: Connection, entity: Entity, join: Join) -> tuple[int, int, int]:
    """Count the rows, the rows after the join, and those that the join found a row for."""
    on = " and ".join(f"a.{column} = b.{other}" for column, other in join.pairs)
    statement = (
        f"select (select count(*) from {entity.name}), count(*), count(b.{join.pairs[0][1]}) "
        f"from {entity.name} a left join {join.target} b on {on}"
    )
    rows, joined, matched = connection.execute(text(statement)).one()
    return rows, joined, matched


@pytest.mark.parametrize(
    ("entity", "join"), [pytest.param(*each, id=f"{each[0].name}-{each[1].name}") for each in JOINS]
)
def test_join_leads_to_at_most_one_row(entity: Entity, join: Join, demo_file: str) -> None:
    assert {other for _, other in join.pairs} == set(ENTITIES[join.target].key)
    with read_only(connect(demo_file)) as connection:
        rows, joined, matched = joined_rows(connection, entity, join)
    assert joined == rows
    if join.is_foreign_key:
        assert matched == rows
    assert matched > 0 or rows == 0


def test_joins_are_those_that_a_person_would_use() -> None:
    shown = {(entity.name, join.name): (join.target, join.pairs) for entity, join in JOINS}
    by_id = ("connectors", (("connector_id", "connector_id"),))
    for view in ("connector_health", "incidents", "state_changes", "findings", "flapping"):
        assert shown[view, "connector"] == by_id
        assert shown[view, "group"] == ("groups", (("group_id", "group_id"),))
        assert shown[view, "destination"] == ("destinations", (("group_id", "destination_id"),))
        assert shown[view, "connector_type"] == ("connector_types", (("service", "service"),))
    renamed = "fivetran_platform__connection_status"
    assert shown[renamed, "connector"] == ("connectors", (("connection_id", "connector_id"),))
    assert shown["destination_health", "destination"][1] == (("destination_id", "destination_id"),)
    assert ("destination_health", "connector_type") not in shown
    assert ("destinations", "connector_type") not in shown
