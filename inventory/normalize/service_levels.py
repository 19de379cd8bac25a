"""The service levels of an account: within how many minutes its connectors must succeed. Pure."""

from collections.abc import Iterable

from inventory import known_tags


class ServiceLevels:
    """The tags `slo_minutes` of one account, each given as its scope, scope_id and value.

    The most specific tag counts. One whose value cannot be read says that there is no service
    level, as an empty one does.
    """

    def __init__(self, account_id: str = "", tags: Iterable[tuple[str, str, str]] = ()) -> None:
        self._account_id = account_id
        self._minutes: dict[tuple[str, str | None], int | None] = {
            (scope, scope_id): known_tags.slo_minutes(value) for scope, scope_id, value in tags
        }

    def __bool__(self) -> bool:
        return bool(self._minutes)

    def minutes(
        self, connector_id: str, *, service: str | None, group_id: str | None
    ) -> int | None:
        """Return the service level of a connector; None = its schedule decides."""
        places = (
            ("connector", connector_id),
            ("service", service),
            ("group", group_id),
            ("account", self._account_id),
        )
        return next((self._minutes[place] for place in places if place in self._minutes), None)


NO_SERVICE_LEVELS = ServiceLevels()
