"""A session follows every relationship of the models, on both databases."""

import pytest
from sqlalchemy import Engine, inspect
from sqlalchemy.orm import Session
from support.builders import Account, api_settings, item

from inventory import models
from inventory.db.engine import read_only
from inventory.demo.fake_api import FakeApi
from inventory.models import Connector, SyncOutcome
from inventory.sync.run import sync

ALERT = {"code": "late", "message": "Late"}


@pytest.fixture
def two_runs(engine: Engine, api: FakeApi, account: Account) -> Engine:
    """What the first run saw of a connector is closed by the second; another one is removed."""
    tests = [{"title": "Connecting", "status": "FAILED"}]
    before = {"setup_state": "broken", "warnings": [ALERT], "tasks": [ALERT]}
    after = {"setup_state": "connected", "warnings": [ALERT | {"code": "later"}], "tasks": []}
    ended = {"succeeded_at": "2026-11-01T01:00:00Z", "failed_at": "2026-11-01T02:00:00Z"}
    account.connectors = [item("one", status=before, setup_tests=tests, **ended), item("two")]
    sync(engine, api_settings(api))
    passed = [{"title": "Connecting", "status": "PASSED"}]
    account.connectors = [item("one", paused=True, status=after, setup_tests=passed, **ended)]
    sync(engine, api_settings(api))
    return engine


def test_connector_leads_to_all_that_is_known_of_it(two_runs: Engine) -> None:
    with read_only(two_runs) as connection, Session(connection) as session:
        one = session.get_one(Connector, "one")
        assert one.status is not None
        assert (one.account_id, one.status.health) == ("account_one", "paused")
        assert one.status.connector is one
        assert [warning.code for warning in one.warnings] == ["later"]
        assert one.tasks == []
        assert [test.status for test in one.setup_tests] == ["PASSED"]
        assert [version.paused for version in one.history] == [False, True]
        assert [version.health for version in one.status.history] == ["broken", "paused"]
        assert [warning.code for warning in one.warning_versions] == ["late"]
        assert [task.code for task in one.task_versions] == ["late"]
        assert [test.status for test in one.setup_test_versions] == ["FAILED"]
        assert [(end.outcome, end.run.status) for end in one.outcomes] == [
            ("succeeded", "succeeded"),
            ("failed", "succeeded"),
        ]
        assert one.outcomes[0].run.outcomes[0].connector is one
        versions = [*one.versions, *one.status_versions, *one.warning_versions]
        assert {each.connector for each in versions} == {one}
        assert one.versions[0].valid_to == one.valid_from


def test_removed_connector_has_a_history_and_no_status(two_runs: Engine) -> None:
    with read_only(two_runs) as connection, Session(connection) as session:
        two = session.get_one(Connector, "two")
        assert (two.removed_reason, two.status) == ("deleted", None)
        assert [version.valid_to for version in two.history] == [two.removed_at]


def test_no_relationship_writes() -> None:
    mappers = [each.mapper for each in map(inspect, mapped()) if each is not None]
    relationships = [each for mapper in mappers for each in mapper.relationships]
    assert len(relationships) > 20
    assert [str(each) for each in relationships if not each.viewonly] == []
    assert SyncOutcome in mapped()


def mapped() -> list[type[models.Base]]:
    return [each for each in vars(models).values() if is_model(each)]


def is_model(each: object) -> bool:
    return isinstance(each, type) and issubclass(each, models.Base) and each is not models.Base
