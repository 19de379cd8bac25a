"""`inventory demo`."""

import click

from inventory.cli import base
from inventory.cli.sections import command, option


@command()
@option(
    "--seed",
    metavar="N",
    type=int,
    default=1,
    help="Random seed of the simulated account.",
)
@option("--serve", is_flag=True, help="Only serve the fake API; run `inventory sync` yourself.")
@option(
    "--port",
    metavar="N",
    type=click.IntRange(0, 65535),
    default=0,
    help="Port for --serve; 0 picks a free one.",
)
@base.reports_errors
def demo(seed: int, serve: bool, port: int) -> None:
    """Try inventory on a simulated account.

    Simulates 30 days of an account, with one `inventory sync` per day, and writes them to
    ./inventory-demo.db. A fake API on localhost serves the account; no other address is contacted.

    With --serve, the fake API stays up until Ctrl-C, and the account advances by one day with
    each `inventory sync` that you run against it, dry runs included.
    """
    from inventory.demo import tour

    if serve:
        tour.serve(seed=seed, port=port)
    else:
        tour.show(seed=seed)
