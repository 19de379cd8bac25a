"""Says which connectors a channel is told of. Pure."""

from collections.abc import Iterable

from inventory.notify.config import Channel
from inventory.notify.events import Connector
from inventory.notify.inputs import Facts


def may_be_told_of(connector: Connector, facts: Facts) -> bool:
    """Say whether anything may be told of a connector: not if it is muted or its data is old."""
    is_muted = connector.muted_until is not None and connector.muted_until > facts.now
    return not is_muted and connector.account_id not in facts.held


def matches(channel: Channel, connector: Connector, healths: Iterable[str]) -> bool:
    """Say whether a channel is told of a connector that has had one of these healths."""
    having = {
        "account": (connector.account_id, connector.account_name),
        "group": (connector.group_id, connector.group_name),
        "service": (connector.service, connector.service_name),
        "connector": (connector.connector_id, connector.name),
        "health": tuple(healths),
        "owner": (connector.owner,),
        "tier": (connector.tier,),
    }
    return all(
        not values.isdisjoint({value.casefold() for value in having[key] if value})
        for key, values in channel.match.items()
    )
