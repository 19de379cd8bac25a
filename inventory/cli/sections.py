"""Commands whose `--help` lists options under headings, and the options that belong there."""

from collections.abc import Callable
from typing import Any

import click

Body = Callable[..., None]
Decorator = Callable[[Body], Body]

OPTIONS, OUTPUT = "Options", "Output"  # the headings that most commands have


class SectionedCommand(click.Command):
    """Lists each option under the heading it names; Output, with `--help` itself, is the last."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if record is not None:
                sections.setdefault(getattr(param, "section", OUTPUT), []).append(record)
        sections[OUTPUT] = sections.pop(OUTPUT)
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl(records)


class SectionedOption(click.Option):
    """An option under a heading. Its help text mentions the range of a number if that matters."""

    def __init__(self, *args: Any, section: str = OPTIONS, **attrs: Any) -> None:
        super().__init__(*args, **{"show_default": "default" in attrs} | attrs)
        self.section = section

    def get_help_extra(self, ctx: click.Context) -> Any:
        extra = super().get_help_extra(ctx)
        extra.pop("range", None)
        return extra


def command(name: str | None = None, **attrs: Any) -> Callable[[Body], click.Command]:
    return click.command(name, **{"cls": SectionedCommand} | attrs)


def option(*names: str, section: str = OPTIONS, **attrs: Any) -> Decorator:
    return click.option(*names, cls=SectionedOption, section=section, **attrs)
