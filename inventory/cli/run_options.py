"""The options of commands that execute a run, and the settings that they make."""

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from inventory.cli.options import NOT_NEGATIVE, PERCENT, POSITIVE, SECONDS
from inventory.cli.sections import Body, Decorator, option

if TYPE_CHECKING:
    from inventory.settings import ApiSettings, EnrichmentSettings, RemovalSettings

_reading = partial(option, section="What to read")
_waiting = partial(option, section="Timeouts and retries")
_removing = partial(option, section="Removals")
_enriching = partial(option, section="Beyond the list")


def _add(*options: Decorator) -> Decorator:
    """Apply decorators in one line, the first one outermost."""

    def decorate(body: Body) -> Body:
        for each in reversed(options):
            body = each(body)
        return body

    return decorate


READ_OPTIONS = _add(
    _reading(
        "--account",
        metavar="NAME",
        help="Account name; required if the key cannot read account info.",
    ),
    _reading(
        "--endpoint",
        metavar="PATH",
        type=click.Choice(["auto", "connectors", "connections"]),
        default="auto",
        help="List to read: connectors, connections, or auto, which tries the first, then the "
        "second.",
    ),
    _reading(
        "--page-size",
        metavar="N",
        type=click.IntRange(1, 1000),
        default=1000,
        help="Connectors per page, at most 1000.",
    ),
    _reading(
        "--max-response-mb",
        metavar="N",
        type=POSITIVE,
        default=64,
        help="Maximum size of one response in MB, compressed or not.",
    ),
)
WAIT_OPTIONS = _add(
    _waiting(
        "--deadline",
        metavar="SECONDS",
        type=SECONDS,
        default=900,
        help="Maximum duration of the run, whatever it waits for.",
    ),
    _waiting(
        "--lock-timeout",
        metavar="SECONDS",
        type=SECONDS,
        help="Maximum time to wait for a lock on the tables; by default until the deadline.",
    ),
    _waiting(
        "--attempts",
        metavar="N",
        type=POSITIVE,
        default=6,
        help="Maximum number of times to send one request.",
    ),
    _waiting(
        "--connect-timeout",
        metavar="SECONDS",
        type=SECONDS,
        default=10,
        help="Maximum time to wait for a connection to the API.",
    ),
    _waiting(
        "--read-timeout",
        metavar="SECONDS",
        type=SECONDS,
        default=60,
        help="Maximum time to wait for response headers, or for more of the body.",
    ),
)
ENRICHMENT_OPTIONS = _add(
    _enriching(
        "--no-users",
        "users",
        is_flag=True,
        flag_value=False,
        default=True,
        show_default=False,
        help="Do not read the list of users. To remove those already stored, run "
        "`delete from users` in the database.",
    ),
    _enriching(
        "--details",
        type=click.Choice(["auto", "all", "none"]),
        metavar="WHICH",
        default="auto",
        help="Connectors to look up one by one for what the list leaves out, above all config: "
        "all, none, or auto, which takes new and changed ones, then those not read for a day, the "
        "longest first. Asks for none whose config is in the list. Stops when a fifth of the "
        "account's quota of requests is left.",
    ),
    _enriching(
        "--details-budget",
        metavar="N",
        type=NOT_NEGATIVE,
        default=200,
        help="Maximum number of connectors that auto looks up in one run.",
    ),
    _enriching(
        "--details-concurrency",
        "concurrency",
        metavar="N",
        type=click.IntRange(1, 10),
        default=4,
        help="Maximum number of such requests at once.",
    ),
    _enriching(
        "--setup-tests",
        type=click.Choice(["down", "all", "none"]),
        metavar="WHICH",
        default="none",
        help="Connectors whose setup tests the vendor runs now, against their sources: all, none, "
        "or down, which takes broken, failing and incomplete ones; at most --details-budget of "
        "them, those tested longest ago first. Paused ones are never tested.",
    ),
)
REMOVAL_OPTIONS = _add(
    _removing(
        "--max-missing-percent",
        metavar="PERCENT",
        type=PERCENT,
        default=20,
        help="Withhold all removals if more than PERCENT of the known connectors are missing.",
    ),
    _removing(
        "--max-missing-count",
        metavar="N",
        type=POSITIVE,
        default=5,
        help="Apply the percentage only if at least N connectors are missing.",
    ),
    _removing(
        "--max-missing-group",
        metavar="N",
        type=POSITIVE,
        default=3,
        help="Withhold all removals if every connector of a group of N or more is missing.",
    ),
    _removing(
        "--accept-removals",
        "accept",
        is_flag=True,
        help="Withhold no removals in this run, of connectors or of entries of other lists.",
    ),
    _removing(
        "--max-lookups",
        metavar="N",
        type=NOT_NEGATIVE,
        default=500,
        help="Maximum number of missing connectors to look up, and so to remove, in one run.",
    ),
)


def settings_of(
    options: dict[str, Any],
) -> "tuple[ApiSettings, RemovalSettings, EnrichmentSettings]":
    from inventory import settings

    def taken(kind: Any) -> dict[str, Any]:
        names = kind.__dataclass_fields__.keys() & options.keys()
        return {name: options.pop(name) for name in names}

    removals = settings.RemovalSettings(**taken(settings.RemovalSettings))
    enrichment = settings.EnrichmentSettings(**taken(settings.EnrichmentSettings))
    return settings.api_settings(**options), removals, enrichment
