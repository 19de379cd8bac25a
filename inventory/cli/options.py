"""What options of several commands are made of."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from inventory import health, moments

Command = Callable[..., None]
Decorator = Callable[[Command], Command]

if TYPE_CHECKING:
    _ParamType = click.ParamType[Any]
else:
    _ParamType = click.ParamType  # older ones take no type


class _Finite(click.FloatRange):
    """A range that "nan" is not in, which no comparison keeps out."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value} is no number.", param, ctx)
        return number


class _Words(_ParamType):
    """Text that both databases take: no NUL, and nothing that is no UTF-8."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        try:
            text.encode()
        except UnicodeEncodeError:
            self.fail("it is no text.", param, ctx)
        if "\0" in text:
            self.fail("it holds a character that is none.", param, ctx)
        return text


class _Read(_ParamType):
    """What a function reads, which says itself what is wrong with a text."""

    def __init__(self, name: str, read: Callable[[str], Any], *also: str) -> None:
        self.name = name
        self._read = read
        self._also = also

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        if value in self._also:
            return None
        try:
            return self._read(value)
        except ValueError as error:
            words = f"{error}, or {' or '.join(self._also)}" if self._also else str(error)
            self.fail(f"{words}.", param, ctx)


WORDS, HEALTH = _Words(), click.Choice([rule.name for rule in health.SHOWN])
DURATION = _Read("duration", moments.duration)
INSTANT = _Read("time", moments.instant_or_ago)
SINCE = _Read("time", moments.instant_or_ago, "last-run")
POSITIVE, NOT_NEGATIVE = click.IntRange(1, 1_000_000), click.IntRange(0, 1_000_000)
SECONDS, PERCENT = _Finite(0, 31_536_000, min_open=True), _Finite(0, 100)


def setting(flag: str, kind: "click.ParamType[Any]", default: Any, words: str) -> Decorator:
    """An option that shows its default."""
    return click.option(flag, type=kind, default=default, show_default=True, help=words)


def sifted(command: Command) -> Command:
    """--service and --group."""
    for flag, name, words in (
        ("--group", "groups", "Only connectors of this group."),
        ("--service", "services", "Only connectors of this type."),
    ):
        command = click.option(flag, name, type=WORDS, multiple=True, help=words)(command)
    return command


def format_option(*formats: str) -> Decorator:
    """--format, the first of the formats being the default."""
    return click.option(
        "--format",
        "output_format",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="Form of the answer on stdout.",
    )


asked_format = format_option("table", "json", "csv")
