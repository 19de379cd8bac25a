"""Whether so many connectors that are missing from a walk can be believed to be gone. Pure.

A complete answer with fewer items is also what a lost permission looks like, often a whole group
at once.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping

from inventory.errors import RemovalsWithheld
from inventory.items import MAX_ID
from inventory.output import printable
from inventory.settings import RemovalSettings

_SHOWN = 10  # ids and groups that a message names


def doubt(
    shown: int,
    missing: Collection[str],
    group_of: Mapping[str, str | None],
    settings: RemovalSettings,
) -> RemovalsWithheld | None:
    """Return why the removal of `missing` is to be withheld; None where it can be believed.

    `shown` is how many the walk saw; `group_of` holds every connector that is held as existing.
    """
    if settings.accept:
        return None
    reasons = list(_reasons(shown, missing, group_of, settings))
    if not reasons:
        return None
    more = f" --max-questions {len(missing)}" if len(missing) > settings.max_questions else ""
    return RemovalsWithheld(
        f"The walk was complete, but {len(missing):,} of {len(group_of):,} connectors were "
        f"missing: {', and '.join(reasons)}. A key that may see less than before looks the same, "
        "so no run removes them; what a run sees it takes in. Missing are "
        f"{_first(sorted(missing))}. Check what the key may read. If they are gone, run "
        f"`inventory sync --accept-removals{more}` once."
    )


def _reasons(
    shown: int,
    missing: Collection[str],
    group_of: Mapping[str, str | None],
    settings: RemovalSettings,
) -> Iterator[str]:
    held, lost = len(group_of), len(missing)
    if lost and not shown:
        yield "it showed none at all"
        return
    if lost >= settings.suspect_count and 100 * lost > settings.suspect_percent * held:
        yield f"more than {settings.suspect_percent:g} %"
    sizes = Counter(group_of.values())
    gone = Counter(group_of.get(connector_id) for connector_id in missing)
    groups = [
        f"{printable(group)[:MAX_ID]} ({count:,})"
        for group, count in sorted(gone.items(), key=repr)
        if group is not None and count == sizes[group] >= settings.suspect_group
    ]
    if groups:
        yield f"every connector of {'group' if len(groups) == 1 else 'groups'} {_first(groups)}"


def _first(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
