"""Which pairs of connectors `findings` reports as readers of the same source."""

from typing import Any

from sqlalchemy import Engine
from support.builders import Account, api_settings, item

from inventory import queries
from inventory.db import session
from inventory.demo.fake_api import FakeApi
from inventory.sync.run import sync

Config = dict[str, Any]

SAME: dict[str, tuple[Config, Config]] = {
    "user": ({"host": "db", "user": "a"}, {"host": "db", "user": "b"}),
    "order": ({"repositories": ["o/a", "o/b"]}, {"repositories": ["o/b", "o/a"]}),
    "repeated": ({"accounts": ["1", "2"]}, {"accounts": ["2", "1", "2"]}),
    "case": ({"host": "DB.example.com"}, {"host": "db.example.com"}),
    "case_in_list": ({"hosts": ["A:1", "b:1"]}, {"hosts": ["B:1", "a:1"]}),
    "root_dot": ({"host": "db.example.com."}, {"host": "db.example.com"}),
    "url": ({"base_url": "https://A.example.com/"}, {"base_url": "https://a.example.com"}),
    "number": ({"host": "db", "port": 5432}, {"host": "db", "port": "5432"}),
    "fraction": ({"host": "db", "port": 5432.0}, {"host": "db", "port": 5432}),
    "numbers_in_list": ({"account_ids": [12, "7"]}, {"account_ids": ["12", 7]}),
    "lone_member": ({"customer_id": "12"}, {"customer_id": [12]}),
    "spaces": ({"bucket": " raw "}, {"bucket": "raw"}),
    "empty_text": ({"bucket": "raw", "prefix": ""}, {"bucket": "raw"}),
    "empty_list": ({"bucket": "raw", "files": []}, {"bucket": "raw", "prefix": {}}),
    "null": ({"bucket": "raw", "prefix": None}, {"bucket": "raw"}),
    "masked": ({"host": "db", "tenant_id": "******"}, {"host": "db"}),
    "objects": (
        {"bucket": "raw", "files": [{"pattern": "a", "n": 1}, {"pattern": "b"}]},
        {"bucket": "raw", "files": [{"pattern": "b"}, {"n": 1, "pattern": "a"}]},
    ),
}
COMMON: dict[str, Config] = {
    "pattern": {"pattern": "*.csv"},
    "port": {"port": 5432},
    "nothing": {"folder_path": "", "accounts": [], "repositories": [""], "host": None},
    "login": {"domain": "login.salesforce.com"},
    "topics": {"topics": ["orders"]},
    "database": {"database": "sales", "port": 5432},
    "oracle": {"sid": "ORCL", "port": 1521},
    "container": {"container_name": "data", "prefix": "a/"},
    "range": {"named_range": "A1:C9"},
    "tenant": {"tenant_id": "t"},
    "api": {"api_url": "https://api.example.com"},
    "secret": {"share_url": "https://example.com/?sig=******", "host": "******"},
    "secrets": {"accounts": ["******"], "files": [{"key": "******"}]},
    "unnamed": {"user": "reader", "is_secure": True},
}
OTHERS: dict[str, tuple[Any, Any]] = {
    "other_case": ({"bucket": "Raw"}, {"bucket": "raw"}),
    "table": ({"base_id": "b", "table_name": "one"}, {"base_id": "b", "table_name": "two"}),
    "reports": ({"accounts": [1], "reports": ["a"]}, {"accounts": [1], "reports": ["b"]}),
    "more": ({"repositories": ["o/a"]}, {"repositories": ["o/a", "o/b"]}),
    "number_beside": ({"host": "db", "port": 5432}, {"host": "db", "port": 54320}),
    "other_key": ({"account_id": "1"}, {"customer_id": "1"}),
    "big_numbers": ({"account_id": 9007199254740993}, {"account_id": 9007199254740992}),
    "one_is_less": ({"host": "db", "database": "sales"}, {"host": "db"}),
    "no_object": (["host"], ["host"]),
}


def test_same_source_is_found_pair_by_pair(engine: Engine, api: FakeApi, account: Account) -> None:
    pairs = SAME | {name: (config, config) for name, config in COMMON.items()} | OTHERS
    account.connectors = [
        item(f"{name}_{number}", service=name, config=config)
        for name, pair in pairs.items()
        for number, config in enumerate(pair)
    ]
    sync(engine, api_settings(api))
    with session.open_session(engine) as connection:
        found = {
            row["connector_id"]: row["detail"]
            for row in queries.list_findings(connection)
            if row["finding"] == "same_source"
        }
    assert found == {
        f"{name}_{number}": f"reads the same source as {name}_{1 - number}"
        for name in SAME
        for number in (0, 1)
    }
