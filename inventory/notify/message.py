"""Makes one message of the news of a channel: title, plain body, Markdown body. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from inventory.notify import wording
from inventory.notify.events import Kind, News
from inventory.notify.grouping import Item, items
from inventory.notify.harmless import harmless
from inventory.notify.wording import Worded

Severity = Literal["failure", "warning", "success", "info"]

LARGEST = 3_600  # bytes of a body, so that a message with its title is below 4 KB
_LARGEST_TITLE = 250
_MORE = 40  # bytes that are kept for "and N more"
_URGENT = {Kind.DATA_PROBLEM, Kind.DOWN}
_LASTING = {Kind.DATA_PROBLEM_AGAIN, Kind.STILL_DOWN, Kind.FLAPPING}
_ENDED = {Kind.OVER, Kind.DATA_PROBLEM_OVER, Kind.STEADY}


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message. Its bodies say less where they have to be shorter."""

    title: str
    severity: Severity
    items: Sequence[tuple[Item, Worded]] = ()
    note: str = ""

    def plain(self, largest: int = LARGEST) -> str:
        """Return the body as plain text, of at most this many bytes."""
        return self._body(largest, markdown=False)

    def markdown(self, largest: int = LARGEST) -> str:
        """Return the body as Markdown, of at most this many bytes."""
        return self._body(largest, markdown=True)

    def _body(self, largest: int, *, markdown: bool) -> str:
        if not self.items:
            return _cut(self.note, largest)
        whole = [_text(worded, markdown=markdown) for _, worded in self.items]
        short = [_cut(f"- {worded.head}", largest) for _, worded in self.items]
        headings = [self._heading(place, markdown=markdown) for place in range(len(self.items))]
        room = largest - sum(_size(h) + _size(s) + 1 for h, s in zip(headings, short, strict=True))
        lines: list[str] = []
        for place, (heading, brief) in enumerate(zip(headings, short, strict=True)):
            room -= _size(whole[place]) - _size(brief)
            lines.append(heading + (whole[place] if room >= 0 else brief))
        return _fitted(lines, [len(item.events) for item, _ in self.items], largest)

    def _heading(self, place: int, *, markdown: bool) -> str:
        kind = self.items[place][0].kind
        if place and self.items[place - 1][0].kind is kind:
            return ""
        before = "\n" if place else ""
        return f"{before}**{kind.value}**\n\n" if markdown else f"{before}{kind.value}:\n"


def compose(news: News, now: datetime) -> Message:
    """Compose the message of news: a digest, or what is new."""
    found = [(item, wording.worded(item, now)) for item in items(news.events)]
    start = "Inventory digest" if news.is_digest else "Inventory"
    if not found:
        note = "No outage, and the data is current."
        return Message(title=f"{start}: all is well", severity="info", note=note)
    if len(found) == 1 and not news.is_digest:
        about = found[0][1].head
    else:
        about = ", ".join(wording.counts(item for item, _ in found))
    title = _cut(f"{start}: {about}", _LARGEST_TITLE)
    return Message(title=title, severity=_severity(news), items=found)


def for_test(channel: str) -> Message:
    note = f"This is a test of channel {harmless(channel)}, sent by inventory notify --test."
    return Message(title="Inventory: test message", severity="info", note=note)


def _severity(news: News) -> Severity:
    kinds = {event.kind for event in news.events}
    if news.is_digest:
        return "info"
    is_down_again = any(
        event.kind is Kind.STEADY and event.outage and event.outage.ended_at is None
        for event in news.events
    )
    if kinds & _URGENT or is_down_again:
        return "failure"
    if kinds & _LASTING:
        return "warning"
    return "success" if kinds <= _ENDED else "info"


def _text(worded: Worded, *, markdown: bool) -> str:
    lines = [f"- {worded.head}", *(f"  {line}" for line in worded.details)]
    for label, url in worded.links:
        # Mails have a plain part as well, made of the HTML, that keeps only what a link shows.
        lines.append(f"  {label}: <{url}>" if markdown else f"  {label}: {url}")
    return "\n".join(lines)


def _fitted(lines: Sequence[str], counts: Sequence[int], largest: int) -> str:
    """Join as many lines as fit; the others are counted in a last line."""
    size, fitting = -1, 0
    for place, line in enumerate(lines):
        size += _size(line) + 1
        is_last = place == len(lines) - 1
        if size > largest - (0 if is_last else _MORE):
            break
        fitting += 1
    left = sum(counts[fitting:])
    if not left:
        return "\n".join(lines)
    if fitting:
        return "\n".join(lines[:fitting]) + f"\nand {left:,} more"
    more = f"\nand {left - counts[0]:,} more" if len(lines) > 1 else ""
    room = largest - _size(more)
    return _cut(lines[0], room) + more if room > _MORE else _cut(lines[0], largest)


def _cut(text: str, largest: int) -> str:
    """Return at most this many bytes of a text."""
    if _size(text) <= largest:
        return text
    return text.encode()[: max(0, largest - 3)].decode(errors="ignore") + "…"


def _size(text: str) -> int:
    return len(text.encode())
