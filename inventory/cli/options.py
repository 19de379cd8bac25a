"""Types of option values, and the options that several commands have."""

import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from inventory import health, times
from inventory.cli.sections import OUTPUT, Body, Decorator, option
from inventory.output.formats import Output

if TYPE_CHECKING:
    _ParamType = click.ParamType[Any]
else:
    _ParamType = click.ParamType  # older releases of click do not take a type argument


class FiniteFloatRange(click.FloatRange):
    """A range that also excludes "nan", which no comparison does."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value} is not a number.", param, ctx)
        return number


class TextParam(_ParamType):
    """Text that both databases accept: valid UTF-8 without NUL."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        try:
            text.encode()
        except UnicodeEncodeError:
            self.fail("it is not valid UTF-8 text.", param, ctx)
        if "\0" in text:
            self.fail("it contains a NUL character.", param, ctx)
        return text


class ParsedParam(_ParamType):
    """A value that a function parses; its ValueError becomes the usage error.

    The words of `none_words` are accepted as well and mean None.
    """

    def __init__(self, name: str, parse: Callable[[str], Any], *none_words: str) -> None:
        self.name = name
        self._parse = parse
        self._none_words = none_words

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        if value.strip().lower() in self._none_words:
            return None
        try:
            return self._parse(value)
        except ValueError as error:
            others = "".join(f", or {word}" for word in self._none_words)
            self.fail(f"{error}{others}.", param, ctx)


TEXT, HEALTH = TextParam(), click.Choice([rule.name for rule in health.SHOWN])
DURATION = ParsedParam("duration", times.parse_duration)
TIMESTAMP = ParsedParam("time", times.parse_time_or_age)
SINCE = ParsedParam("time", times.parse_time_or_age, "last-run")
POSITIVE, NOT_NEGATIVE = click.IntRange(1, 1_000_000), click.IntRange(0, 1_000_000)
SECONDS, PERCENT = FiniteFloatRange(0, 31_536_000, min_open=True), FiniteFloatRange(0, 100)

HEALTH_NAMES = f"HEALTH is one of: {', '.join(HEALTH.choices)}."


owner_option = option(
    "--owner",
    "owners",
    type=TEXT,
    multiple=True,
    help="Only connectors of this owner: their tag, or without one who created them, by id, name "
    "or e-mail address. Repeatable.",
)


def filter_options(body: Body) -> Body:
    """Add --group, --service and --owner."""
    body = owner_option(body)
    for flag, name, what in (
        ("--group", "groups", "Only connectors in this group, by id or name. Repeatable."),
        ("--service", "services", "Only connectors of this type, by id or name. Repeatable."),
    ):
        body = option(flag, name, type=TEXT, multiple=True, help=what)(body)
    return body


def format_option(*formats: str, more: str = "") -> Decorator:
    """Add --format; the first of the formats is the default."""
    names = f"{', '.join(formats[:-1])} or {formats[-1]}{more}"
    return option(
        "--format",
        "output_format",
        section=OUTPUT,
        metavar="FORMAT",
        type=click.Choice(formats),
        default=formats[0],
        help=f"Format of stdout: {names}.",
    )


rows_format_option = format_option(
    "table", "json", "csv", "spreadsheet", more=" (CSV in which no cell is a formula)"
)
no_pager_option = option(
    "--no-pager",
    section=OUTPUT,
    is_flag=True,
    help="Print all at once what is longer than the terminal.",
)


def rows_output(body: Body) -> Body:
    """Add --format, --wide and --no-pager; the body gets them as one `output`."""

    @rows_format_option
    @option(
        "--wide",
        section=OUTPUT,
        is_flag=True,
        help="Show rows whole on a terminal, too; in a pipe they always are.",
    )
    @no_pager_option
    @functools.wraps(body)
    def wrapped(output_format: Any, wide: bool, no_pager: bool, **options: Any) -> None:
        body(output=Output(output_format, wide=wide, pager=not no_pager), **options)

    return wrapped


lock_timeout_option = option(
    "--lock-timeout",
    type=SECONDS,
    metavar="SECONDS",
    default=60,
    help="Maximum time to wait for a lock held by another session.",
)
