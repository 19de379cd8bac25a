"""`inventory demo`."""

import gc

import click

from inventory.cli import frame
from inventory.cli.sync import ending_on_sigterm


@click.command()
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, another life.")
@click.option("--serve", is_flag=True, help="Keep the stand-in running and try it by hand.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Port for --serve; 0 takes a free one."
)
@frame.reported
def demo(seed: int, serve: bool, port: int) -> None:
    """See it at work without an account.

    It lives 30 days of an imaginary one, in ./inventory-demo.db. A stand-in for the API is started
    on localhost and walked once a day; no other address is contacted. With --serve nothing is
    walked: the stand-in stays, and a day passes per walk.
    """
    from inventory import demo as tour

    if serve:
        gc.enable()  # it stays for long
        with ending_on_sigterm():
            tour.serve(seed=seed, port=port)
    else:
        tour.show(seed=seed)
