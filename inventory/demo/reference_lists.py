"""The lists beside the connectors that the simulated account serves."""

from collections.abc import Set

from inventory.demo.script import DOCS, GROUPS, SERVICE_NAMES, USERS, Item


def reference_lists(broken: Set[str]) -> dict[str, list[Item]]:
    """Return the lists by their path; `broken` are the destinations that do not work."""
    return {
        "groups": [{"id": group, "name": name} for group, (name, *_) in GROUPS.items()],
        "destinations": [
            {
                "id": group,
                "group_id": group,
                "service": service,
                "region": region,
                "time_zone_offset": offset,
                "setup_status": "broken" if group in broken else "connected",
            }
            for group, (_, service, region, offset) in GROUPS.items()
        ],
        "users": [
            {
                "id": user,
                "email": f"{given}@northwind.example".lower(),
                "given_name": given,
                "family_name": family,
                "role": role,
                "active": True,
            }
            for user, (given, family, role) in USERS.items()
        ],
        "metadata/connector-types": [
            {
                "id": service,
                "name": name,
                "type": kind,
                "link_to_docs": DOCS.format(service=service),
            }
            for service, (name, kind) in SERVICE_NAMES.items()
        ],
    }
