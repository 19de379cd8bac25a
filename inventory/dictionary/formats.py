"""The formats of the dictionary: of all tables and views, or of one."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from inventory.db.revision import VERSION_TABLE
from inventory.dictionary import datasette, dbt, markdown, mermaid, objects, text
from inventory.dictionary.entities import Entity, all_entities, find
from inventory.dictionary.sample_queries import sample_queries
from inventory.errors import ConfigurationError
from inventory.output.screen import Screen

Format = Literal["text", "markdown", "dbt", "mermaid", "json", "datasette"]


class NotInFormatError(ConfigurationError):
    """A format leaves out what was asked for."""

    code = "not_in_format"


def lines(
    output_format: Format, name: str | None, *, screen: Screen, database: str
) -> Iterator[str]:
    """Return the lines of a format; of one entity if a name is given.

    `screen`: what text is fitted to. `database`: how Datasette calls the file. Raises
    UnknownEntityError, or NotInFormatError if the format leaves that entity out.
    """
    known = all_entities()
    one = None if name is None else find(name, known)
    if output_format == "text":
        return text.entity_lines(one, screen) if one else text.list_lines(known, screen)
    if output_format == "markdown":
        return markdown.section(one) if one else markdown.page(known)
    if output_format == "json":
        return _json(objects.entity_object(one) if one else [*map(objects.entity_object, known)])
    relations = [each for each in known if each.kind != "function" and each.is_readable]
    if one and one not in relations:
        raise NotInFormatError(
            f"{one.name} is left out of the format {output_format}, which holds no function and no "
            "secret. Use --format text, markdown or json."
        )
    if output_format == "dbt":
        return dbt.sources([one] if one else relations)
    if output_format == "mermaid":
        return mermaid.neighbourhood(one, relations) if one else mermaid.diagram(_tables(relations))
    closed = [VERSION_TABLE, *(each.name for each in known if not each.is_readable)]
    if one:
        return _json(datasette.metadata(database, [one], closed))
    return _json(datasette.metadata(database, relations, closed, sample_queries()))


def _tables(entities: Sequence[Entity]) -> list[Entity]:
    return [each for each in entities if each.kind == "table"]


def _json(value: Any) -> Iterator[str]:
    yield from json.dumps(value, indent=1, ensure_ascii=False).splitlines()
