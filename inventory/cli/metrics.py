"""`inventory metrics`."""

import sys
from typing import Any

from inventory.cli import base
from inventory.cli.options import TEXT, format_option
from inventory.cli.sections import OUTPUT, command, option
from inventory.errors import MissingExtraError


@command()
@option(
    "--textfile",
    section=OUTPUT,
    type=TEXT,
    metavar="FILE",
    help="Write this file instead of stdout, readable for all. node_exporter reads those that "
    "end in .prom.",
)
@format_option("prometheus", "openmetrics")
@base.reports_errors
def metrics(textfile: str | None, output_format: Any) -> None:
    """Print the state of the inventory as metrics for Prometheus.

    \b
    inventory_last_complete_run_timestamp_seconds  when the data was read
    inventory_run_interval_seconds                 usual time between two runs
    inventory_run_duration_seconds                 of the last complete run
    inventory_connectors                           how many have which health
    inventory_open_outages                         how many are down
    inventory_connector_down                       which are: the 500 worst
    inventory_connector_down_omitted               how many more are down
    inventory_outages_opened_total                 outages that began
    inventory_outages_closed_total                 outages that ended
    inventory_api_requests_total                   requests sent to the API
    inventory_rate_limit_remaining                 quota left after the last run
    inventory_channel_failing                      channels of notify

    They are as of the last run; before the first one, they are of no account. `inventory dashboards
    prometheus` prints alert rules for them. Needs the extra notify.
    """
    exposition = _load()
    engine = base.engine()
    text = exposition.exposition(engine, output_format)
    if textfile is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(text)  # UTF-8, whatever the locale
        return
    from inventory.cli.output_file import require_another_file, write_file
    from inventory.db.engine import file_of

    require_another_file(textfile, file_of(engine), option="--textfile")
    write_file(textfile, text, option="--textfile", mode=0o644)


def _load() -> Any:
    try:
        from inventory.metrics import exposition
    except ModuleNotFoundError as missing:
        if not (missing.name or "").startswith("prometheus_client"):
            raise
        need = "`inventory metrics` needs prometheus-client"
        raise MissingExtraError(need, "notify") from None
    return exposition
