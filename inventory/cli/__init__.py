"""The command line: parse, call one function, print, exit with the code that cron reads.

Only click and the standard library are imported before a command runs: whoever asks for help, and
cron every time, pays for each import. Data goes to stdout, everything else to stderr.
"""

import click

from inventory import __version__
from inventory.cli import asking, check, db, demo, history, prune, querying, sync

_EXITS = """\b
Exit codes:
  0  good
  1  the next run may succeed (API or database away, rate limit, lock held)
  2  settings, key or schema must be fixed first
  3  a person must look (too many connectors missing, no inventory from the API, what check
     has found, or a bug)
"""


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_EXITS,
)
@click.version_option(__version__, prog_name="inventory")
def main() -> None:
    """Keep every Fivetran connector of an account in SQL: current state and full history."""


for command in (
    *(sync.sync, asking.status, asking.changes, history.history, asking.incidents, asking.at),
    *(asking.attention, check.check, querying.query, asking.runs, prune.prune, db.db, demo.demo),
):
    main.add_command(command)
