"""The queries of the documentation, one SQL file each; they run on both databases.

A file's first line is the question that the query answers. A line for each parameter shows an
example of its value, which the documentation puts in its place. They are only read here, not run.
"""

import re
from dataclasses import dataclass
from pathlib import Path

# In the order of the documentation: first the README's.
_QUERIES = (
    "down_now",
    "health_changes_since",
    "broken_destinations",
    "freshness",
    "not_healthy_at",
    "down_for_a_day",
    "connectors_created_or_removed",
    "settings_changed",
    "failed_syncs_since",
    "recovery_by_service",
    "lowest_availability",
    "down_by_destination",
    "needs_attention",
    "longest_without_success",
    "most_unstable",
)
_HERE = Path(__file__).parent
_PARAMETER = re.compile(r"-- :(\w+) = (.+)")


@dataclass(frozen=True)
class SampleQuery:
    """A query, with the question that it answers; `examples` has a value for each parameter."""

    name: str
    question: str
    sql: str
    examples: dict[str, str]

    @property
    def example_sql(self) -> str:
        """The query with the examples in the places of its parameters."""
        return re.sub(r":(\w+)", lambda found: f"'{self.examples[found[1]]}'", self.sql)


def _read(name: str) -> SampleQuery:
    lines = (_HERE / f"{name}.sql").read_text("utf-8").splitlines()
    question = lines.pop(0).removeprefix("-- ")
    examples: dict[str, str] = {}
    while found := _PARAMETER.fullmatch(lines[0]):
        examples[found[1]] = found[2]
        lines.pop(0)
    return SampleQuery(name, question, "\n".join(lines).rstrip(";"), examples)


def sample_queries() -> list[SampleQuery]:
    """Return all of them."""
    return [_read(name) for name in _QUERIES]
