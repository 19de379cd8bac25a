"""Fills the template of the page. It loads nothing from elsewhere: style and script are inside."""

from base64 import b64encode
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

from inventory import __version__, times
from inventory.output.health_marks import MARKS
from inventory.output.report import outages, sections
from inventory.output.report.content import Content, Row
from inventory.output.report.strips import HEIGHT, Strips
from inventory.text import escape_control_chars

_HERE = Path(__file__).parent
_DASH = "\N{EN DASH}"
# Where the vendor's own dashboard shows a connector.
_DASHBOARD = "https://fivetran.com/dashboard/connections/{}/status"


def render(content: Content) -> str:
    """Return the page as HTML."""
    strips = Strips(content.daily, content.days)
    axis = outages.Axis(content)
    style = f"{_read('style.css')}{_health_rules()}"
    style += f"#connectors svg {{ width: {strips.width}px; height: {HEIGHT}px; }}\n"
    script = _read("script.js")
    page: str = _template().render(
        content=content,
        policy=_policy(style, script),
        style=style,
        script=script,
        version=__version__,
        sections=sections,
        strips=strips,
        axis=axis,
        outages=outages.groups(content, axis),
        owners=sections.owners(content.connectors),
    )
    return page


def _health_rules() -> str:
    """Return the style of each health: its letter, which screen readers leave out, and its tone."""
    return "".join(
        f'.{health}::before {{ content: "{letter}"; content: "{letter}" / ""; '
        f"background: var(--{tone}); color: var(--on-{tone}); }}\n"
        for health, (letter, tone) in MARKS.items()
    )


def _policy(style: str, script: str) -> str:
    """Return a policy under which a browser loads nothing, and runs only the script of the page."""
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


@cache
def _read(name: str) -> str:
    return (_HERE / name).read_text("utf-8")


@cache
def _template() -> Any:
    """The template. All that it prints is escaped, but for what it marks as safe."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_printable,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "iso": _iso,
        "minute": _minute,
        "duration": times.format_duration,
        "dashboard": _dashboard,
        "percent": _percent,
        "number": lambda number: f"{number:,}",
        "connectors": lambda number: f"{number:,} connector{'' if number == 1 else 's'}",
        "share": lambda share: f"{100 * share:.4g}%",
    }
    return environment.get_template("page.html")


def _printable(value: Any) -> Any:
    """Show control characters in names instead of printing them, and nothing as a dash."""
    if value is None:
        return _DASH
    return escape_control_chars(value) if type(value) is str else value


def _iso(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%MZ}"


def _minute(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"


def _dashboard(row: Row) -> str:
    return _DASHBOARD.format(quote(row["connector_id"], safe=""))


def _percent(share: float | None) -> str | None:
    """Format a share so that only all is 100 %."""
    if share is None:
        return None
    return "100 %" if share == 1 else f"{min(share, 0.9999) * 100:.2f} %"
