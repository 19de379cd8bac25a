"""Lists beside the connectors: items as the API sends them, and where each is served."""

from typing import Any

from support.builders import Account, Item

PATHS = {
    "groups": "groups",
    "destinations": "destinations",
    "users": "users",
    "connector_types": "metadata/connector-types",
}
# The cells of the first column of each table that say which item a row is.
ID_COLUMNS = {
    "groups": "group_id",
    "destinations": "destination_id",
    "users": "user_id",
    "connector_types": "service",
}


def group(group_id: str = "group_one", **changes: Any) -> Item:
    return {"id": group_id, "name": "Finance", "created_at": "2025-03-04T05:06:07Z"} | changes


def destination(destination_id: str = "group_one", **changes: Any) -> Item:
    return {
        "id": destination_id,
        "group_id": destination_id,
        "service": "snowflake",
        "region": "GCP_EUROPE_WEST3",
        "time_zone_offset": "+1",
        "daylight_saving_time_enabled": True,
        "setup_status": "connected",
        "networking_method": "Directly",
        "private_link_id": None,
        "proxy_agent_id": None,
        "hybrid_deployment_agent_id": None,
    } | changes


def user(user_id: str = "user_one", **changes: Any) -> Item:
    return {
        "id": user_id,
        "email": "ada.byron@example.org",
        "given_name": "Ada",
        "family_name": "Byron",
        "role": "Account Administrator",
        "active": True,
        "logged_in_at": "2026-10-31T08:00:00Z",
        "created_at": "2025-01-02T03:04:05Z",
        "verified": True,
        "invited": False,
        "phone": "+49 30 901820",
        "picture": "https://pictures.example.org/ada.png",
    } | changes


def connector_type(service: str = "postgres", **changes: Any) -> Item:
    return {
        "id": service,
        "name": "PostgreSQL",
        "type": "Database",
        "connector_class": "standard",
        "service_status": "general_availability",
        "link_to_docs": "https://fivetran.com/docs/connectors/databases/postgresql",
        "icons": ["https://fivetran.com/icons/postgres.svg"],
    } | changes


ITEMS = {
    "groups": group,
    "destinations": destination,
    "users": user,
    "connector_types": connector_type,
}


def serve(account: Account, **lists: list[Item]) -> None:
    """Serve these lists, and of each other one its example."""
    for name, make in ITEMS.items():
        account.lists[PATHS[name]] = lists.get(name, [make()])


def numbered(name: str, count: int, **changes: Any) -> list[Item]:
    """So many items of a list, called n0, n1, ..."""
    return [ITEMS[name](f"n{number}", **changes) for number in range(count)]
