"""Masks over time: what changed is seen, what did not is not, also across an upgrade."""

import json
from typing import Any

from alembic import command
from sqlalchemy import Engine, Text, Update, bindparam, cast, func, select, text, update
from support.builders import (
    Account,
    alembic,
    api_settings,
    everything,
    item,
    rows,
    undigested,
)

from inventory.column_types import JSON
from inventory.db import upgrade
from inventory.db.engine import read_only, transaction
from inventory.demo.fake_api import FakeApi
from inventory.models import (
    CONNECTOR_STATUS,
    CONNECTORS,
    SETUP_TESTS,
    TASKS,
    WARNINGS,
)
from inventory.sync.preview import preview
from inventory.sync.run import sync


def changes_seen(engine: Engine) -> list[tuple[Any, ...]]:
    sql = "select connector_id, field, old_value, new_value from state_changes"
    sql += " where kind = 'changed' and table_name = 'connectors' order by 1, 2"
    with read_only(engine) as connection:
        return [tuple(row) for row in connection.execute(text(sql))]


def configs(engine: Engine, table: str = "connectors") -> list[dict[str, Any]]:
    return [config for _, config in sorted(rows(engine, table, "connector_id", "config"))]


def test_change_of_a_secret_is_seen_and_nothing_else(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    def listed(password: str) -> list[dict[str, Any]]:
        link = f"https://h.example/?a=1&sig={password}"
        config = {"password": password, "host": "h", "link": link, "api_key": "******"}
        return [item("one", config=config), item("two", config=config)]

    account.connectors = listed("s3cr3t-1")
    first = preview(engine, api_settings(api))[0]
    assert (first["added"], sync(engine, api_settings(api))["added"]) == (2, 2)
    one, two = configs(engine)
    assert one["password"] != two["password"]
    plain = {"password": "******", "link": "https://h.example/?a=1&sig=******"}
    plain |= {"host": "h", "api_key": "******"}
    assert json.loads(undigested(json.dumps([one, two]))) == [plain, plain]
    # The same in other words: it is read, and it is the same.
    account.connectors = [dict(reversed(each.items())) for each in listed("s3cr3t-1")]
    assert sync(engine, api_settings(api))["changed"] == 0
    account.connectors = listed("s3cr3t-2")[:1] + listed("s3cr3t-1")[1:]
    assert [change.connector_id for change in preview(engine, api_settings(api))[1]] == ["one"]
    assert sync(engine, api_settings(api))["changed"] == 1
    now = configs(engine)[0]
    assert changes_seen(engine) == [
        ("one", f"config.{name}", one[name], now[name]) for name in ("link", "password")
    ]
    assert all(one[name] != now[name] for name in ("link", "password"))
    assert "s3cr3t" not in repr(everything(engine))


CLEAR = {
    "tenant_id": "s3cr3t",
    "host": "h",
    "deep": [{"link": "ftp://me:s3cr3t@h/", "n": 1.50}],
    "external_secrets_keys_config": {"arn": "s3cr3t"},
}
MASKED = {
    "password": "******",
    "tenant_id": "s3cr3t",
    "project_key": "******",
    "report_keys": "******",
    "text": '{"pin":"******"}',
    "pats": "******",
    "host": "h",
}
SHOWN = MASKED | {
    "password": "s3cr3t",
    "project_key": "ABC",
    "report_keys": ["a"],
    "text": '{"pin":"s3cr3t"}',
}


def upgraded(engine: Engine, configs: dict[str, dict[str, Any]]) -> None:
    """Upgrade tables of an earlier release, which has stored these configs, now and in the past."""
    stored = [
        update(table).where(table.c.connector_id == name).values(config=in_json(config))
        for table in (CONNECTORS.current, CONNECTORS.past)
        for name, config in configs.items()
    ]
    upgraded_after(engine, stored, *configs)


def in_json(value: Any) -> Any:
    return cast(bindparam(None, json.dumps(value), Text()), JSON)


def upgraded_after(engine: Engine, stored: list[Update], *names: str) -> None:
    """Upgrade tables of an earlier release, which has stored something in another way."""
    with transaction(engine) as connection:
        for statement in stored:
            connection.execute(statement)
    forget_rules(engine, *names)
    alembic(engine, command.downgrade, "0007")
    upgrade.upgrade(engine)


def forget_rules(engine: Engine, *names: str) -> None:
    """Have connectors last read by the rules of an earlier release."""
    status = CONNECTOR_STATUS.current
    with transaction(engine) as connection:
        for name in names:
            its = status.c.connector_id == name
            stored = connection.execute(select(status.c.digests).where(its)).scalar_one()
            older = bytes((stored[0] ^ 1,)) + stored[1:]
            connection.execute(update(status).where(its).values(digests=older))


def test_upgrade_masks_what_was_stored_in_clear_and_opens_no_version(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    configs_now = {"clear": CLEAR, "masked": SHOWN, "moved": SHOWN}
    for paused in (False, True):  # so that there is a past
        account.connectors = [
            item(name, config=config, paused=paused) for name, config in configs_now.items()
        ]
        sync(engine, api_settings(api))
    before = configs(engine)
    upgraded(engine, {"clear": CLEAR, "masked": MASKED, "moved": MASKED})
    assert "s3cr3t" not in repr(everything(engine))
    clear, *_ = configs(engine)
    assert clear == configs(engine, "connectors_past")[0]
    assert clear != before[0]  # made with another key
    assert (clear["host"], clear["deep"][0]["n"]) == ("h", 1.5)
    assert undigested(clear["deep"][0]["link"]) == "ftp://me:******@h/"

    account.connectors[2]["config"] = SHOWN | {"host": "another"}
    assert sync(engine, api_settings(api))["changed"] == 1
    clear_again, masked, moved = configs(engine)
    assert clear_again == clear
    assert (masked["project_key"], masked["report_keys"], masked["pats"]) == (
        "ABC",
        ["a"],
        "******",
    )
    assert undigested(masked["text"]) == MASKED["text"] != masked["text"]
    assert moved["password"] != masked["password"]
    seen = [("moved", "config.host", "h", "another")]
    assert those_of_values(changes_seen(engine)) == seen

    account.connectors[0]["config"] = CLEAR | {"tenant_id": "s3cr3t-2"}
    assert sync(engine, api_settings(api))["changed"] == 1
    changed = ("clear", "config.tenant_id", clear["tenant_id"], configs(engine)[0]["tenant_id"])
    assert those_of_values(changes_seen(engine)) == [changed, *seen]

    # A mask of the API's own is none without a digest where the rules are those of now.
    forget_rules(engine, "moved")
    account.connectors[1]["config"] = SHOWN | {"pats": "s3cr3t"}
    assert sync(engine, api_settings(api))["changed"] == 1


def those_of_values(changes: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Without what was paused, and where a mask has become a list, or stands in a text."""
    others = ("paused", "config.text", "config.report_keys")
    return [change for change in changes if not change[1].startswith(others)]


def test_upgrade_masks_titles_of_setup_tests(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    def listed(status: str, link: str) -> list[dict[str, Any]]:
        titles = (f"conn {link.format(n)}" for n in "123")
        return [item("one", setup_tests=[{"title": it, "status": status} for it in titles])]

    for status in ("PASSED", "FAILED"):  # so that there is a past
        account.connectors = listed(status, "LINK{}")
        sync(engine, api_settings(api))
    in_clear = [
        update(table).values(title=func.replace(table.c.title, "LINK", "https://u:s3cr3t@h/"))
        for table in (SETUP_TESTS.current, SETUP_TESTS.past)
    ]
    upgraded_after(engine, in_clear, "one")
    assert "s3cr3t" not in repr(everything(engine))
    masked = rows(engine, "setup_tests", "title")
    assert undigested(repr(sorted(masked))) == repr(
        [(f"conn https://u:******@h/{n}",) for n in "123"]
    )
    assert sorted(masked) == sorted(rows(engine, "setup_tests_past", "title"))
    account.connectors = listed("FAILED", "https://u:s3cr3t@h/{}")
    assert sync(engine, api_settings(api))["changed"] == 0


def test_first_run_after_an_upgrade_raises_nothing_anew(
    engine: Engine, api: FakeApi, account: Account
) -> None:
    secret = {"password": "abc", "n": 1}
    # What the API sends, and what an earlier release has stored of it.
    messages = {"https://u:s3cr3t@h": "https://u:s3cr3t@h", '{"pin":"1"}': '{"pin":"******"}'}
    details = [
        ({"project_key": "p1"}, {"project_key": "******"}),
        (secret, {"password": "******", "n": 1}),
        ({"password": "xyz", "n": 1}, {"password": "******", "n": 1}),
        ({"n": [1.50, None]}, {"n": [1.5, None]}),
    ]
    alerts = [{"code": str(n), "details": it} for n, (it, _) in enumerate(details)]
    alerts += [{"code": "m", "message": it} for it in messages]
    tests = [
        {"title": "a", "status": "PASSED", "message": it, "details": secret} for it in messages
    ]

    def listed(alerts: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [item("one", setup_tests=tests, status={"tasks": alerts, "warnings": alerts})]

    account.connectors = listed(alerts)
    sync(engine, api_settings(api))
    stored = []
    for versioned in (WARNINGS, TASKS, SETUP_TESTS):
        table = versioned.current
        for n, (_, old) in enumerate(details):
            if versioned is not SETUP_TESTS:
                its = update(table).where(table.c.code == str(n))
                stored.append(its.values(details=in_json(old)))
        for old in messages.values():
            its = update(table).where(table.c.message.like(f"{old[0]}%"))
            stored.append(its.values(message=old))
        if versioned is SETUP_TESTS:
            stored.append(update(table).values(details=in_json(details[1][1])))
        else:
            stored.append(update(table).values(content_hash="old " + table.c.content_hash))
    upgraded_after(engine, stored, "one")
    account.connectors = listed(alerts[::-1])
    assert sync(engine, api_settings(api))["changed"] == 0
    since = {*rows(engine, "tasks", "valid_from"), *rows(engine, "warnings", "valid_from")}
    assert (len(since), len(rows(engine, "tasks"))) == (1, len(alerts))
    # Known by their keys from then on; and a change of a secret is seen.
    account.connectors = listed(alerts)
    assert sync(engine, api_settings(api))["changed"] == 0
    account.connectors = listed([*alerts[:1], {"code": "1", "details": {"password": "b"}}])
    assert sync(engine, api_settings(api))["changed"] == 1
