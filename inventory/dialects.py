"""What SQLite and PostgreSQL spell differently in the text of a view.

SQLite keeps instants as texts of one form (see `columns.UtcDateTime`) that sort as they should, so
comparisons are spelled alike; arithmetic and what is shown of them are not.
"""

from abc import ABC, abstractmethod
from typing import NamedTuple


class Leaves(NamedTuple):
    """Joins that lead to leaves of two JSON documents, and expressions over one that differs."""

    joins: str
    path: str
    old: str
    new: str
    differ: str


class Dialect(ABC):
    """Each method returns an expression; instants and numbers are given as expressions, too."""

    name: str
    current_time: str
    never: str  # an instant before all others
    forever: str  # and one after all others
    end_of_time: str  # the last one that every driver reads
    timestamp: str  # the type of an instant
    differs: str
    concat: str  # the aggregate that joins texts
    fence: str  # keeps a subselect whole, so that what it works out is worked out once

    @abstractmethod
    def plus_minutes(self, instant: str, minutes: str) -> str: ...

    @abstractmethod
    def just_before(self, instant: str) -> str:
        """The last instant that the database can tell from this one."""

    @abstractmethod
    def seconds(self, instant: str) -> str:
        """Whole seconds since 1970."""

    @abstractmethod
    def day(self, instant: str) -> str:
        """The day in UTC, whatever the session's zone is."""

    @abstractmethod
    def shown(self, instant: str, *, seconds: bool = False) -> str:
        """A text for people, to the minute or the second, in UTC and saying so."""

    @abstractmethod
    def latest(self, *instants: str) -> str:
        """The last of some instants, nulls left out."""

    @abstractmethod
    def earliest(self, *instants: str) -> str:
        """The first of some instants, none of them null."""

    @abstractmethod
    def largest(self, *numbers: str) -> str:
        """The largest of some numbers, none of them null."""

    @abstractmethod
    def member(self, document: str, name: str) -> str:
        """A member of a JSON object as a text; null where there is none."""

    @abstractmethod
    def leaves_that_differ(self, before: str, after: str) -> list[Leaves]:
        """Ways to the leaves that two JSON documents do not share; the answer is all together."""

    def minutes(self, since: str, until: str) -> str:
        """Whole minutes, by the whole seconds of both: the same on both databases."""
        return f"(({self.seconds(until)}) - ({self.seconds(since)})) / 60"

    def whole(self, number: str) -> str:
        """A sum as an integer: divided, it stays one."""
        return f"cast({number} as bigint)"

    def share(self, part: str, whole: str) -> str:
        """A share of 1, to four digits; null where the whole is nothing."""
        return self.rounded(f"1.0 * ({part}) / nullif({whole}, 0)", 4)

    @abstractmethod
    def rounded(self, number: str, digits: int) -> str: ...

    def ago(self, days: int) -> str:
        """The instant so many days before the one that views answer for."""
        return self.plus_minutes("(select now from clock)", str(-days * 1440))


class PostgreSQL(Dialect):
    name = "postgresql"
    current_time = "now()"
    never = "'-infinity'::timestamptz"
    forever = "'infinity'::timestamptz"
    end_of_time = "'9999-12-31 23:59:59.999999+00:00'::timestamptz"
    timestamp = "timestamptz"
    differs = "is distinct from"
    concat = "string_agg"
    fence = "offset 0"

    def plus_minutes(self, instant: str, minutes: str) -> str:
        return f"({instant} + make_interval(mins => ({minutes})::int))"

    def just_before(self, instant: str) -> str:
        return f"({instant} - interval '1 microsecond')"

    def seconds(self, instant: str) -> str:
        return f"floor(extract(epoch from {instant}))::bigint"

    def day(self, instant: str) -> str:
        return f"({instant} at time zone 'UTC')::date"

    def shown(self, instant: str, *, seconds: bool = False) -> str:
        form = "YYYY-MM-DD HH24:MI" + (":SS" if seconds else "")
        return f"to_char({instant} at time zone 'UTC', '{form} \"UTC\"')"

    def latest(self, *instants: str) -> str:
        return f"greatest({', '.join(instants)})"

    def earliest(self, *instants: str) -> str:
        return f"least({', '.join(instants)})"

    def largest(self, *numbers: str) -> str:
        return f"greatest({', '.join(numbers)})"

    def member(self, document: str, name: str) -> str:
        return f"({document} ->> '{name}')"

    def rounded(self, number: str, digits: int) -> str:
        return f"round(({number})::numeric, {digits})::double precision"

    def leaves_that_differ(self, before: str, after: str) -> list[Leaves]:
        joins = f"""cross join lateral (
  select coalesce(o.path, n.path) as path, coalesce(o.value #>> '{{}}', o.kind) as old_value,
    coalesce(n.value #>> '{{}}', n.kind) as new_value, o.value as old, n.value as new
  from ({_leaves(before)}) o full join ({_leaves(after)}) n on n.path = o.path
) l"""
        return [
            Leaves(joins, "l.path", "l.old_value", "l.new_value", "l.old is distinct from l.new")
        ]


def _leaves(document: str) -> str:
    """The path and the bare text of each leaf of a jsonb document. Grain: one row per leaf."""
    return f"""
    with recursive node (path, value) as (
      select '', {document} where {document} is not null
      union all
      select node.path || child.step, child.value
      from node cross join lateral (
        select '.' || e.key as step, e.value
        from jsonb_each(case when jsonb_typeof(node.value) = 'object' then node.value end) e
        union all
        select '[' || (e.place - 1) || ']', e.value
        from jsonb_array_elements(case when jsonb_typeof(node.value) = 'array' then node.value end)
          with ordinality e (value, place)
      ) child
    )
    select path, value, jsonb_typeof(value) as kind from node
    where jsonb_typeof(value) not in ('object', 'array') or value in ('{{}}', '[]')"""


class SQLite(Dialect):
    name = "sqlite"
    current_time = "strftime('%Y-%m-%d %H:%M:%f', 'now') || '000+00:00'"
    never = "'0000-01-01 00:00:00.000000+00:00'"
    forever = "'9999-12-31 23:59:59.999999+00:00'"
    end_of_time = forever
    timestamp = "text"
    differs = "is not"
    concat = "group_concat"
    fence = "limit -1"

    def plus_minutes(self, instant: str, minutes: str) -> str:
        whole = f"datetime({_whole(instant)}, ({minutes}) || ' minutes')"
        return f"({whole} || substr({instant}, 20))"

    def just_before(self, instant: str) -> str:
        whole = f"datetime({_whole(instant)}, '-1 seconds')"
        fraction = f"cast(substr({instant}, 21, 6) as integer)"
        return (
            f"case when {fraction} = 0 then {whole} || '.999999+00:00'"
            f" else substr({instant}, 1, 20) || substr('00000' || ({fraction} - 1), -6)"
            f" || '+00:00' end"
        )

    def seconds(self, instant: str) -> str:
        return f"cast(strftime('%s', {_whole(instant)}) as integer)"

    def day(self, instant: str) -> str:
        return f"substr({instant}, 1, 10)"

    def shown(self, instant: str, *, seconds: bool = False) -> str:
        return f"(substr({instant}, 1, {19 if seconds else 16}) || ' UTC')"

    def latest(self, *instants: str) -> str:
        # SQLite's max() of several is null if one of them is.
        return f"nullif(max({', '.join(f'''coalesce({each}, '')''' for each in instants)}), '')"

    def earliest(self, *instants: str) -> str:
        return f"min({', '.join(instants)})"

    def largest(self, *numbers: str) -> str:
        return f"max({', '.join(numbers)})"

    def member(self, document: str, name: str) -> str:
        return f"json_extract({document}, '$.{name}')"

    def rounded(self, number: str, digits: int) -> str:
        return f"round({number}, {digits})"

    def leaves_that_differ(self, before: str, after: str) -> list[Leaves]:
        old, new, path = (
            _leaf_text("o"),
            _leaf_text("n"),
            "replace(substr({}.fullkey, 2), '\"', '')",
        )
        changed_or_gone = Leaves(
            f"cross join json_tree({before}) o"
            f" left join json_tree({after}) n on n.fullkey = o.fullkey and {_is_leaf('n')}",
            path.format("o"),
            old,
            new,
            f"{_is_leaf('o')} and ({old} is not {new} or o.type is not n.type)",
        )
        added = Leaves(
            f"cross join json_tree({after}) n",
            path.format("n"),
            "null",
            new,
            f"""{_is_leaf("n")} and not exists (
  select 1 from json_tree({before}) o where o.fullkey = n.fullkey and {_is_leaf("o")}
)""",
        )
        return [changed_or_gone, added]


def _is_leaf(node: str) -> str:
    return f"({node}.type not in ('object', 'array') or {node}.value in ('{{}}', '[]'))"


def _leaf_text(node: str) -> str:
    return (
        f"case when {node}.type in ('true', 'false', 'null') then {node}.type"
        f" else cast({node}.value as text) end"
    )


def _whole(instant: str) -> str:
    """Without its fraction, which SQLite's own functions round."""
    return f"substr({instant}, 1, 19)"


DIALECTS: dict[str, Dialect] = {each.name: each for each in (PostgreSQL(), SQLite())}
