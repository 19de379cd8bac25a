"""A session leads from a connector to what its ids name, on both databases."""

from sqlalchemy import Engine
from sqlalchemy.orm import Session
from support.builders import Account, api_settings, item
from support.references import destination, group, serve, user

from inventory.db.engine import read_only
from inventory.demo.fake_api import FakeApi
from inventory.models import Connector, Destination, Group
from inventory.sync.run import sync


def test_connector_leads_to_what_its_ids_name(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    account.connectors = [item("one")]
    serve(account)
    sync(engine, api_settings(api))
    with read_only(engine) as connection, Session(connection) as session:
        one = session.get_one(Connector, "one")
        assert one.group is not None
        assert one.destination is not None
        assert one.creator is not None
        assert one.connector_type is not None
        assert one.group.group_name == "Finance"
        assert (one.destination.service, one.destination.group) == ("snowflake", one.group)
        assert (one.creator.given_name, one.creator.removed_at) == ("Ada", None)
        assert one.connector_type.service_name == "PostgreSQL"


def test_connector_exists_where_nothing_is_known_of_its_ids(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    account.connectors = [item("one"), item("bare", group_id=None, connected_by=None, service=None)]
    sync(engine, api_settings(api))
    with read_only(engine) as connection, Session(connection) as session:
        for name in ("one", "bare"):
            found = session.get_one(Connector, name)
            assert (found.group, found.destination) == (None, None)
            assert (found.creator, found.connector_type) == (None, None)


def test_creator_is_the_user_of_the_connectors_own_account(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    account.connectors = [item("one")]
    serve(account)
    sync(engine, api_settings(api))
    account.account_id, account.connectors = "account_two", [item("two")]
    serve(account, users=[user(given_name="Another")], groups=[], destinations=[])
    sync(engine, api_settings(api))
    with read_only(engine) as connection, Session(connection) as session:
        creators = [session.get_one(Connector, name).creator for name in ("one", "two")]
        assert [each and each.given_name for each in creators] == ["Ada", "Another"]


def test_versions_of_groups_and_destinations_are_in_the_order_of_time(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    for name, status in (("a", "connected"), ("b", "broken"), ("c", "connected")):
        serve(account, groups=[group(name=name)], destinations=[destination(setup_status=status)])
        sync(engine, api_settings(api))
    with read_only(engine) as connection, Session(connection) as session:
        one = session.get_one(Group, "group_one")
        assert [each.group_name for each in one.versions] == ["a", "b"]
        assert one.versions[1].valid_to == one.valid_from
        where = session.get_one(Destination, "group_one")
        assert [each.setup_status for each in where.versions] == ["connected", "broken"]
