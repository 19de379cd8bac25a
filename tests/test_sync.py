"""One run after another: what is added, changed, removed and returned, on both databases."""

from worlds import Account, api_settings, item, rows

from inventory.sync import sync


def test_first_run_stores_what_the_list_shows(engine, api, account: Account) -> None:
    account.connectors = [item("one"), item("two")]
    row = sync(engine, api_settings(api))
    assert (row["status"], row["added"], row["connectors_seen"]) == ("succeeded", 2, 2)
    assert rows(engine, "connectors", "connector_id", "schema_name") == [
        ("one", "one_schema"),
        ("two", "two_schema"),
    ]
