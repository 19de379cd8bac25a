"""`inventory tag ...`: who owns connectors, and what else people say of them."""

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from inventory import process
from inventory.cli import base, input_file
from inventory.cli.options import TEXT, lock_timeout_option, rows_output
from inventory.cli.sections import Body, SectionedCommand, option
from inventory.output.formats import Output
from inventory.text import escape_control_chars

if TYPE_CHECKING:
    from inventory.tags.store import Assignment

_TARGETS = "Name a connector, or pass --account, --group or --service"


@click.group()
def tag() -> None:
    """Set owners and other tags of connectors.

    A tag is set for connectors, or for all of a service, a group or an account. Of two tags with
    the same name, the more specific one counts: that of the connector, then that of its service,
    its group, its account. No run changes a tag.

    \b
    owner        who is responsible
    tier         how important the connector is, for example 1
    runbook_url  what to do if it is down: an address without a password
    mute_until   no notification until then: a time, or 2h for two hours from now
    slo_minutes  a success is due so many minutes after the last one, whatever the
                 schedule is

    Other names mean nothing to this tool, and can be used in queries.
    """


def _scope_options(body: Body) -> Body:
    """Add --account, --group and --service; the body gets the scope and what was named in it."""

    @option("--account", "accounts", type=TEXT, multiple=True, help="An account, by id or name.")
    @option("--group", "groups", type=TEXT, multiple=True, help="A group, by id or name.")
    @option("--service", "services", type=TEXT, multiple=True, help="A service, by id or name.")
    @functools.wraps(body)
    def wrapped(
        accounts: tuple[str, ...],
        groups: tuple[str, ...],
        services: tuple[str, ...],
        **options: object,
    ) -> None:
        given = {"account": accounts, "group": groups, "service": services}
        scopes = [scope for scope, targets in given.items() if targets]
        if len(scopes) > 1:
            names = " and ".join(f"--{scope}" for scope in scopes)
            raise click.UsageError(f"{names} cannot be combined: a tag has one scope.")
        scope = scopes[0] if scopes else "connector"
        body(scope=scope, targets=given.get(scope, ()), **options)

    return wrapped


@tag.command("set", cls=SectionedCommand)
@click.argument("words", metavar="NAME=VALUE... [CONNECTOR]...", type=TEXT, nargs=-1, required=True)
@_scope_options
@lock_timeout_option
@base.reports_errors
def set_(words: tuple[str, ...], scope: str, targets: tuple[str, ...], lock_timeout: float) -> None:
    """Set tags of connectors, services, groups or accounts.

    An empty value (owner=) hides a less specific tag. CONNECTOR is an id or a name.

    \b
    inventory tag set owner=growth tier=2 --service hubspot
    inventory tag set mute_until=2h calm_compass
    """
    from inventory.tags.store import Assignment, set_tags

    tags = dict(word.split("=", 1) for word in words if "=" in word)
    connectors = tuple(word for word in words if "=" not in word)
    if not tags:
        raise click.UsageError("Write each tag as NAME=VALUE, such as owner=growth.")
    if len(tags) + len(connectors) < len(words):
        raise click.UsageError("A tag is given twice.")
    chosen = _chosen(scope, targets, connectors)
    wanted = [Assignment(scope, target, *each) for target in chosen for each in tags.items()]
    assigned = set_tags(base.engine(lock_timeout), wanted)
    _report("Set", "for", assigned, [f"{each.name}={each.value}" for each in assigned])
    _note_service_level(assigned)


@tag.command(cls=SectionedCommand)
@click.argument("words", metavar="NAME... [CONNECTOR]...", type=TEXT, nargs=-1, required=True)
@_scope_options
@lock_timeout_option
@base.reports_errors
def unset(
    words: tuple[str, ...], scope: str, targets: tuple[str, ...], lock_timeout: float
) -> None:
    """Remove tags of connectors, services, groups or accounts.

    Without --account, --group or --service, the first word is the name of the tag, and the others
    are connectors.

    \b
    inventory tag unset owner tier --service hubspot
    inventory tag unset mute_until calm_compass brisk_badger
    """
    from inventory.tags.store import unset_tags

    names = words if targets else words[:1]
    chosen = _chosen(scope, targets, words[len(names) :])
    removed = unset_tags(base.engine(lock_timeout), names, scope, chosen)
    _report("Removed", "of", removed, [each.name for each in removed])
    if not removed:
        base.print_note("No such tag was set.")
    _note_service_level(removed)


@tag.command("list", cls=SectionedCommand)
@click.argument("connector", type=TEXT, required=False)
@rows_output
@base.reports_errors
def list_(connector: str | None, output: Output) -> None:
    """List the tags that are set, or those of one connector.

    With CONNECTOR (an id or a name), lists the tags that count for it, and what each is set for.
    """
    from inventory.output.listing import write_rows
    from inventory.tags import store

    with base.open_session() as connection:
        key = base.resolve_connector(connection, connector)
        rows = store.list_tags(connection) if key is None else store.resolved_tags(connection, key)
    if rows or not output.is_table:
        write_rows(rows, store.LISTED if key is None else store.RESOLVED, output)
    else:
        base.print_note("No tag is set." if key is None else "It has no tag.")


@tag.command("import", cls=SectionedCommand)
@click.argument("file", type=TEXT)
@lock_timeout_option
@base.reports_errors
def import_(file: str, lock_timeout: float) -> None:
    """Set the tags of a CSV file, all or none; - is stdin.

    Its columns are scope (account, group, service or connector), scope_id (an id or a name), name
    and value. Tags that it does not name are left as they are.
    """
    from inventory.output.rows import write_line
    from inventory.tags import csv_file, store

    lines = csv_file.read(input_file.read_bytes(file), input_file.name_of(file))
    changed, unchanged = store.import_tags(base.engine(lock_timeout), lines)
    with process.final_output():
        if not base.is_quiet():
            write_line(f"Set {_counted(changed, 'tag')}; {unchanged:,} were set already.")
    _note_service_level([each for _, each in lines])


@tag.command(cls=SectionedCommand)
@base.reports_errors
def export() -> None:
    """Print all tags as CSV, which `tag import` reads."""
    from inventory.output.rows import write_data
    from inventory.tags import store

    with base.open_session() as connection:
        rows = store.list_tags(connection)
    write_data(rows, store.COLUMNS, "csv")


def _chosen(scope: str, targets: Sequence[str], connectors: Sequence[str]) -> Sequence[str]:
    """Return what the tags are for: what an option names, or connectors."""
    if targets and connectors:
        raise click.UsageError(
            f"{connectors[0]} is a connector, which cannot be combined with --{scope}."
        )
    if not targets and not connectors:
        raise click.UsageError(f"{_TARGETS}.")
    return targets or connectors


def _report(verb: str, preposition: str, done: "Sequence[Assignment]", tags: Sequence[str]) -> None:
    """Print what was done to the tags, which are the same for each target."""
    from inventory.output.rows import write_line

    if not done or base.is_quiet():
        return
    targets = list(dict.fromkeys((each.scope, each.scope_id) for each in done))
    whom = " ".join(targets[0]) if len(targets) == 1 else _counted(len(targets), targets[0][0])
    what = ", ".join(dict.fromkeys(tags))
    with process.final_output():
        write_line(escape_control_chars(f"{verb} {what} {preposition} {whom}."))


def _note_service_level(tags: "Sequence[Assignment]") -> None:
    if any(each.name == "slo_minutes" for each in tags):
        base.print_note("The next run computes deadlines by slo_minutes.")


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
