"""Decides whether connectors that a walk missed can plausibly be removed. Pure.

A key that lost a permission gets a shorter list too, often without a whole group.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping

from inventory.errors import RemovalsWithheldError
from inventory.ids import MAX_ID
from inventory.settings import RemovalSettings
from inventory.text import escape_control_chars

_MAX_NAMED = 10  # ids and groups in a message


def implausible_removals(
    listed: int,
    missing: Collection[str],
    group_of: Mapping[str, str | None],
    settings: RemovalSettings,
) -> RemovalsWithheldError | None:
    """Return the reason to withhold the removal of `missing`; None if it is plausible.

    `listed` is how many connectors the walk saw; `group_of` maps every known one to its group.
    """
    if settings.accept:
        return None
    reasons = list(_reasons(listed, missing, group_of, settings))
    if not reasons:
        return None
    more = f" --max-lookups {len(missing)}" if len(missing) > settings.max_lookups else ""
    return RemovalsWithheldError(
        f"The walk was complete, but {len(missing):,} of {len(group_of):,} connectors were "
        f"missing: {', and '.join(reasons)}. A key that lost access to some groups gives the same "
        "list, so nothing was removed. Everything listed was saved. Missing: "
        f"{_first(sorted(missing))}. Check what the key may read. If they were deleted, run "
        f"`inventory sync --accept-removals{more}` once."
    )


def _reasons(
    listed: int,
    missing: Collection[str],
    group_of: Mapping[str, str | None],
    settings: RemovalSettings,
) -> Iterator[str]:
    known, lost = len(group_of), len(missing)
    if lost and not listed:
        yield "it listed none at all"
        return
    if lost >= settings.max_missing_count and 100 * lost > settings.max_missing_percent * known:
        yield f"more than {settings.max_missing_percent:g} %"
    sizes = Counter(group_of.values())
    gone = Counter(group_of.get(connector_id) for connector_id in missing)
    groups = [
        f"{escape_control_chars(group)[:MAX_ID]} ({count:,})"
        for group, count in sorted(gone.items(), key=repr)
        if group is not None and count == sizes[group] >= settings.max_missing_group
    ]
    if groups:
        yield f"every connector of {'group' if len(groups) == 1 else 'groups'} {_first(groups)}"


def _first(names: list[str]) -> str:
    more = f" and {len(names) - _MAX_NAMED:,} more" if len(names) > _MAX_NAMED else ""
    return ", ".join(names[:_MAX_NAMED]) + more
