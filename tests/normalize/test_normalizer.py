"""Items become rows: every value has its place, and what is unchanged is not read."""

import json
from itertools import chain, cycle, permutations, product
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from msgspec import Raw
from msgspec.json import encode
from support.builders import (
    DIGEST_KEY,
    Item,
    item,
    undigested,
)

from inventory import lenient_json
from inventory.errors import UnexpectedResponseError
from inventory.normalize import digests
from inventory.normalize.normalizer import Normalizer
from inventory.normalize.rows import COLUMNS, SECTIONS, SYNC_TIMES
from inventory.normalize.sections import LISTS

PAGE = Path(__file__).parents[1] / "payloads" / "list_page_from_the_reference.json"
SAMPLE: Item = json.loads(PAGE.read_text())["data"]["items"][0]
STATUS: Item = SAMPLE["status"]
OBJECTS = ("config", "connect_card_config", "source_sync_details")
STATES = ("setup_state", "sync_state", "update_state", "schema_status")
INVALID, UNKNOWN = "does not fit its column", "has an unknown state"
ABSENT_LISTS = {f"has_{name}": False for name in LISTS}
NO_ROWS: dict[str, list[Any]] = {section: [] for section in SECTIONS}


class Read(NamedTuple):
    """The rows of a batch, with the digests taken out, and what was reported."""

    rows: dict[str, list[dict[str, Any]]]
    reported: list[tuple[str, str, str]]
    anomalies: int
    connector_ids: list[str]
    moved: list[dict[str, Any]]  # rows in which only the times of syncs are others
    digests: dict[str, bytes]

    def cells(self, section: str, *names: str) -> list[tuple[Any, ...]]:
        return [tuple(row[name] for name in names) for row in self.rows[section]]


def read(*batch: Any, known: dict[str, bytes] | None = None) -> Read:
    """Read a batch of items, each given as an object or as its bytes."""
    reported: list[tuple[str, str, str]] = []
    normalizer = Normalizer(
        known=known or {}, on_anomaly=lambda *odd: reported.append(odd), digest_key=DIGEST_KEY
    )
    ids, cells, *_ = normalizer.normalize(
        Raw(it if type(it) is bytes else encode(it)) for it in batch
    )
    rows = {s: [dict(zip(COLUMNS[s], row, strict=True)) for row in cells[s]] for s in COLUMNS}
    moved = rows.pop(SYNC_TIMES)
    narrow = rows["connector_status"] + moved
    stored = {row["connector_id"]: row.pop("digests") for row in narrow}
    return Read(rows, reported, normalizer.anomalies, ids, moved, stored)


def without_digests(found: Read) -> Read:
    """The same with bare masks."""
    rows = {
        section: [
            {name: undigested(it) if isinstance(it, str) else it for name, it in row.items()}
            for row in some
        ]
        for section, some in found.rows.items()
    }
    return found._replace(rows=rows)


def vendors(**changes: Any) -> Item:
    """The vendor's sample with every field present. Changes of status fields go into its status."""
    of_status = {name: changes.pop(name) for name in STATUS if name in changes}
    # Manual, so that no other field decides when it is due.
    full = {"schedule": {"schedule_type": "MANUAL"}, "source_sync_details": {"a": 1}}
    return SAMPLE | full | {"status": STATUS | of_status} | changes


PLAIN = read(vendors())


def differences(found: Read) -> dict[str, Any]:
    """What differs from `vendors()`: the cells of a section with one row, else all rows."""
    result: dict[str, Any] = {}
    for section, rows in found.rows.items():
        if len(rows) != 1:
            result[section] = rows
        elif cells := dict(rows[0].items() - PLAIN.rows[section][0].items()):
            result[section] = cells
    return result


def section_of(field: str) -> str:
    return next((name for name in SECTIONS if field in (name, *COLUMNS[name])), "connectors")


WHEN = "2024-12-01 15:43:29.013729+00:00"
# fmt: off
SAMPLE_ALERT = {
    "connector_id": "connector_id", "ordinal": 0, "code": "resync_table_warning",
    "message": "Resync Table Warning", "details": '"string"', "extra": None,
    # It is stored: if it were computed otherwise, every stored alert would end and begin.
    "content_hash": "6de25f11cc91b40abfffe3b88f0c430d",
}
SAMPLE_ROWS = {
    "connectors": [{
        "connector_id": "connector_id", "group_id": "group_id", "service": "string",
        "service_version": 0, "schema_name": "gsheets.table", "connected_by": "user_id",
        "created_at": WHEN, "paused": False, "pause_after_trial": False, "sync_frequency": 360,
        "daily_sync_time": "14:00", "schedule_type": "auto", "schedule": None,
        "data_delay_threshold": 0, "data_delay_sensitivity": "LOW", "private_link_id": "string",
        "proxy_agent_id": "string", "networking_method": "Directly",
        "hybrid_deployment_agent_id": "string", "local_processing_agent_id": "string",
        "config": '{"property1":{},"property2":{}}', "has_config": True, "config_volatile": None,
        "connect_card_config": '{"hide_setup_guide":true,"redirect_uri":"https://your.site/path"}',
        "has_connect_card_config": True, "source_sync_details": "{}",
        "has_source_sync_details": True, "extra": None,
        "has_details": False, "details_fields": None, "has_tests": False,
    }],
    "connector_status": [{
        "connector_id": "connector_id", "setup_state": "connected", "sync_state": "scheduled",
        "update_state": "delayed", "schema_status": "ready", "is_historical_sync": False,
        "rescheduled_for": WHEN, "succeeded_at": WHEN, "failed_at": WHEN, "last_sync_failed": True,
        "due_at": "2024-12-02 04:43:29.013729+00:00",  # 13 hours after the success
        "slo_minutes": None,
        "extra": None, "has_warnings": True, "has_tasks": True, "has_setup_tests": True,
    }],
    "warnings": [SAMPLE_ALERT], "tasks": [SAMPLE_ALERT],
    "setup_tests": [{
        "connector_id": "connector_id", "title": "Test Title", "ordinal": 0, "status": "PASSED",
        "message": "Test Passed", "details": '"Test Details"', "extra": None,
    }],
}
# fmt: on


def test_sample_of_the_reference_has_a_column_for_every_field():
    found = read(SAMPLE)
    assert found.rows == SAMPLE_ROWS
    assert (found.reported, found.anomalies, found.connector_ids) == ([], 0, ["connector_id"])


LONG_CARD = "eyJ0eXAi.the-token-4711"


@pytest.mark.parametrize(
    "card",
    [
        LONG_CARD,
        [LONG_CARD],
        {"a": [{"b": LONG_CARD}]},
        {"uri": f"https://a.b/{LONG_CARD}", "n": 1},
    ],
)
@pytest.mark.parametrize("slash", ["/", r"\/"])
def test_card_of_any_type_is_redacted_where_it_is_repeated(card, slash):
    quoted = card.get("uri", LONG_CARD) if isinstance(card, dict) else LONG_CARD
    text = json.dumps({"id": "x", "schema": f"see {quoted}!", "connect_card": card})
    at = text.index('"connect_card"')
    found = read((text[:at].replace("/", slash) + text[at:]).encode())
    assert found.cells("connectors", "schema_name") == [("see [secret]!",)]


@pytest.mark.parametrize("card", [SAMPLE["connect_card"], None, "eyJ0", ["eyJ0"], {"uri": {}}])
def test_connect_card_is_stored_nowhere_and_a_new_one_is_no_change(card):
    assert read(vendors(connect_card=card)) == PLAIN
    assert not any(text in repr(PLAIN) for text in ("eyJ0", "connect-card"))
    assert read(vendors(connect_card=card), known=PLAIN.digests).rows == NO_ROWS


def test_new_card_that_begins_like_another_text_is_no_change():
    begun = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9."
    one, another, itself = (
        {"id": "connector_id", "config": {"link": {"uri": begun}}, "connect_card": {"uri": card}}
        for card in (f"{begun}one", f"{begun}another", begun)
    )
    assert read(another, known=read(one).digests).rows == NO_ROWS
    assert read(one).cells("connectors", "config") == [(f'{{"link":{{"uri":"{begun}"}}}}',)]
    assert read(itself).cells("connectors", "config") == [('{"link":{"uri":"[secret]"}}',)]


def test_short_words_of_a_card_are_not_redacted_elsewhere():
    word = "Привет"
    escaped = json.dumps({"id": "x", "schema": word, "connect_card": {"brand": word}})
    assert read(escaped.encode()).cells("connectors", "schema_name") == [(word,)]


@pytest.mark.parametrize("bare", [{}, {"status": None}, {"status": {}}, dict.fromkeys(SAMPLE)])
def test_missing_or_null_field_is_null_and_no_anomaly(bare):
    found = read(bare | {"id": "one"})
    absent = (*OBJECTS, "details", "tests")
    whole = {"connector_id": "one"} | {f"has_{name}": False for name in absent}
    status = {"connector_id": "one", "last_sync_failed": False} | ABSENT_LISTS
    assert found.rows == NO_ROWS | {
        "connectors": [dict.fromkeys(COLUMNS["connectors"]) | whole],
        "connector_status": [dict.fromkeys(COLUMNS["connector_status"][:-1]) | status],
    }
    assert (found.reported, found.anomalies) == ([], 0)


# --- fields without a column, and invalid values --------------------------------------------


@pytest.mark.parametrize("value", ['{"a":[1.50,null],"b":"x"}', "null", "[]", "1E+400", '"é"'])
def test_unknown_fields_are_kept_verbatim_and_are_no_anomaly(value):
    new = {"new": Raw(value.encode())}
    lists = dict.fromkeys(LISTS, (new,))
    status = STATUS | new | {"warnings": (new,), "tasks": (new,)}
    found = read(vendors(status=status, **new, **lists))
    kept = [(f'{{"new":{value}}}',)]
    assert [found.cells(section, "extra") for section in SECTIONS] == [kept] * 5
    assert (found.reported, found.anomalies) == ([], 0)


TIMES = ("created_at", "succeeded_at", "failed_at", "rescheduled_for")
INVALID_VALUES = {
    "service_version sync_frequency data_delay_threshold": f"""
        "often" "" "1.5" "٣" 1.5 true {{}} [1] 1E+30 {2**63} {-(2**63) - 1} "{2**63}" """,
    "paused pause_after_trial is_historical_sync": '"no" "" 0 1.0 {} [true]',
    "schema connected_by private_link_id service": '7 1.10 true {"a":[],"b":1} []',
    " ".join(("schedule_type", *STATES)): "1 false {} []",
    "schedule config source_sync_details": '"text" "" [] [{"host":"db"}] 7 false',
    " ".join(TIMES): """
        true "yesterday" "" {} [] "2024-12-01" "2024-12-01T15:43:29" "2024-12-01_15:43:60" "15:43"
        "2024-02-30T00:00:00Z" "2024-12-01T25:00:00Z" "0001-01-01T00:00:00+01:00" 17329814
        "2024-12-01T24:00:01Z" "2024-12-01T15:43:61Z" "2024-12-01t15:43:29+24" 20241201154329 """,
}
PAIRS = (product(names.split(), texts.split()) for names, texts in INVALID_VALUES.items())
NO_STATUS = product(["status"], ['"fine"', "7", "[]", "true"])
NO_LISTS = product(LISTS, ["{}", '{"code":"x"}', '"none"', "0", "false"])
NO_ITEMS = rb"""null [] "text" 7 {} {"id":null} {"id":""} {"id":7} {"id":{"a":1}} {"ID":"one"}
    {"id":"a\nb"} {"id":"a\u0000"}""".split()
BROKEN = b'{"id":"\xff"}', b'{"id":NaN}', b'{"id":"one","schema":"\\x"}', b"NaN", b"[" * 5000


@pytest.mark.parametrize(("field", "value"), [*chain(*PAIRS)])
def test_invalid_value_leaves_its_column_null_and_is_kept_verbatim_and_counted(field, value):
    found = read(vendors(**{field: Raw(value.encode())}))
    column = "schema_name" if field == "schema" else field
    cells = {column: None, "extra": f'{{"{field}":{value}}}'}
    if field in ("succeeded_at", "failed_at"):  # which was the last is unknown
        cells["last_sync_failed"] = False
    if field in OBJECTS:
        cells[f"has_{field}"] = False
    assert differences(found) == {section_of(field): cells}
    assert (found.reported, found.anomalies) == ([(section_of(field), field, INVALID)], 1)


@pytest.mark.parametrize("value", ['"360"', "360.0", "3.6e2", '"0360"', "360"])
def test_unambiguous_integer_is_accepted(value):
    found = read(vendors(data_delay_threshold=Raw(value.encode())))
    assert found.cells("connectors", "data_delay_threshold", "extra") == [(360, None)]


@pytest.mark.parametrize(("value", "means"), [("true", True), ("False", False), (True, True)])
def test_word_for_a_boolean_is_accepted(value, means):
    found = read(vendors(paused=value, is_historical_sync=value))
    assert found.cells("connectors", "paused", "extra") == [(means, None)]
    assert found.cells("connector_status", "is_historical_sync") == [(means,)]


@pytest.mark.parametrize(("name", "value"), [*NO_STATUS, *NO_LISTS])
def test_invalid_status_or_list_is_kept_verbatim_and_its_lists_are_absent(name, value):
    found = read(vendors(**{name: Raw(value.encode())}))
    lists = ("warnings", "tasks") if name == "status" else (name,)
    home = "connectors" if name in ("status", "setup_tests") else "connector_status"
    cells = {"connectors": {}, "connector_status": {f"has_{each}": False for each in lists}}
    cells[home] |= {"extra": f'{{"{name}":{value}}}'}
    if name == "status":
        nulls = (*STATES, "is_historical_sync", "rescheduled_for")
        cells["connector_status"] |= dict.fromkeys(nulls)
    changed = {section: different for section, different in cells.items() if different}
    assert differences(found) == changed | {each: [] for each in lists}
    assert (found.reported, found.anomalies) == ([(home, name, INVALID)], 1)


def test_field_within_the_status_is_not_the_field_beside_it():
    inner = {"succeeded_at": "inner", "setup_tests": [1], "status": "inner"}
    found = read(vendors(status=STATUS | inner))
    kept = '{"setup_tests":[1],"status":"inner","succeeded_at":"inner"}'
    assert differences(found) == {"connector_status": {"extra": kept}}
    assert found.reported == []


KEPT = "has a value nested too deeply, too large or not a number"
DEEPER = "[" * 900 + "]" * 900
NUMBERS = ["1E+99999", "-1E-99999", "1e99999999999999999999", "1e1000", "NaN", "-Infinity"]
NUMBERS += [f"-{'9' * 1001}", "9" * 5001, f"0.{'1' * 999}"]
# What is sent, and what is kept of it.
TOO_MUCH = [(number, f'"{number}"') for number in NUMBERS]
TOO_MUCH += [
    (DEEPER, f'{"[" * 100}"{"[" * 800}{"]" * 800}"{"]" * 100}'),
    ('{"a":' * 400 + "1" + "}" * 400, None),
    ("[" * 100_000 + "]" * 100_000, None),
    (f'[{DEEPER},{{"b":NaN,"a":1}}]', None),
]


def fields_of(connector: str = "", status: str = "") -> bytes:
    return f'{{"id":"one"{connector},"status":{{"sync_state":"paused"{status}}}}}'.encode()


@pytest.mark.parametrize("number", [f"-{'9' * 1000}", f"0.{'1' * 998}", "1E+999", "-1E-999"])
def test_number_that_every_stage_accepts_is_kept_digit_by_digit(number):
    for other in ("", ',"other":NaN'):  # decoded the fast way, and leniently
        found = read(fields_of(f',"new":{number}{other}'))
        assert found.cells("connectors", "extra")[0][0].startswith(f'{{"new":{number}')
        assert found.anomalies == bool(other)


@pytest.mark.parametrize(("sent", "kept"), TOO_MUCH)
def test_value_that_not_every_stage_accepts_is_kept_as_text_and_counted(sent, kept):
    item = fields_of(f',"new":{sent},"schema":{sent}', f',"new":{sent},"tasks":[{{"new":{sent}}}]')
    found = read(item)
    [(extra,)] = found.cells("connectors", "extra")
    if kept:
        assert extra == f'{{"new":{kept},"schema":{kept}}}'
        assert found.cells("tasks", "extra") == [(f'{{"new":{kept}}}',)]
    assert found.cells("connector_status", "sync_state") == [("paused",)]
    json.loads(extra)
    assert {(section, name) for section, name, what in found.reported if what == KEPT} == {
        ("connectors", "new"),
        ("connectors", "schema"),
        ("connector_status", "new"),
        ("tasks", "new"),
    }
    again = read(item, known=found.digests)
    assert (again.rows, again.anomalies) == (NO_ROWS, found.anomalies)


def deep_in_the_stack(depth: int, item: bytes) -> Read:
    return deep_in_the_stack(depth - 1, item) if depth else read(item)


@pytest.mark.parametrize("depth", [90, 99, 100, 101, 110, 500, 700, 900, 990, 2000])
@pytest.mark.parametrize("around", ["{}", '{{"b":1,"a":{}}}'])
def test_text_of_a_deeply_nested_value_does_not_depend_on_the_stack(depth, around):
    item = fields_of(f',"new":{around.format("[" * depth + "]" * depth)}')
    plain = read(item)
    # Where a decoder gives up, the digest without times is missing: the next change is read whole.
    assert deep_in_the_stack(300, item)[:-1] == plain[:-1]
    assert plain.anomalies == (depth + around.count("a") > 100)
    details = fields_of("", f',"tasks":[{{"details":{around.format("[" * depth + "]" * depth)}}}]')
    assert read(details).anomalies == plain.anomalies


def test_deep_value_is_masked_as_text_and_in_order():
    secrets = '{"password":"s3cr3t","b":[{"name":"api_key","value":"s3cr3t"}],"a":"say \\"hi\\""}'
    found = read(fields_of(f',"new":{"[" * 100}{secrets}{"]" * 100}'))
    [(extra,)] = found.cells("connectors", "extra")
    kept = json.loads(extra)["new"]
    while isinstance(kept, list):
        [kept] = kept
    assert json.loads(undigested(kept)) == {
        "a": 'say "hi"',
        "b": [{"name": "api_key", "value": "******"}],
        "password": "******",
    }
    assert kept.startswith('{"a":')


@pytest.mark.parametrize("what", ["deep", "large"])
def test_very_large_value_is_kept_as_its_size_and_digest(monkeypatch, what):
    if what == "deep":
        sent = "[" * 60_000 + '"s3cr3t"' + "]" * 60_000
    else:
        monkeypatch.setattr(lenient_json, "MAX_VALUE", 200_000)
        sent = f'"{"s3cr3t" * 40_000}"'
    first, again = (read(fields_of(f',"new":{sent}')) for _ in range(2))
    assert (first, "s3cr3t" in repr(first), "SHA-256" in repr(first)) == (again, False, True)
    assert (first.anomalies, len(repr(first)) < 5_000) == (1, True)


CHARACTERS = [(b'"a\xffb"', "a\ufffdb"), (b'"\0"', "\ufffd"), (b'"\x1b\t"', "\x1b\t")]


@pytest.mark.parametrize(("sent", "stored"), [*CHARACTERS, (b'"\xed\xa0\x80"', "\ufffd" * 3)])
def test_invalid_characters_are_replaced_and_the_field_has_its_column(sent, stored):
    item = b'{"id":"one","schema":%b,"new":{%b:[%b]}}' % (sent, sent, sent)
    found = read(item)
    [(name, extra)] = found.cells("connectors", "schema_name", "extra")
    assert (name, json.loads(extra), found.reported) == (stored, {"new": {stored: [stored]}}, [])


def test_text_that_is_json_is_kept_as_text_with_its_secrets_masked():
    text = json.dumps({"token": "s3cr3t", "host": "h"})
    inner, masked = json.dumps(text), json.dumps('{"host":"h","token":"******"}')
    alert = f'[{{"code":"c","message":{inner},"details":[{inner}],"new":{{"a":{inner}}}}}]'
    found = read(
        fields_of(
            f',"config":{{"j":{inner}}},"schema":{inner},"paused":{inner},"setup_tests":'
            f'[{{"title":{inner}}}]',
            f',"warnings":{alert}',
        )
    )
    plain = json.loads(masked)
    found = without_digests(found)
    cells = found.cells("connectors", "config", "schema_name", "extra")
    assert cells == [(f'{{"j":{masked}}}', plain, f'{{"paused":{masked}}}')]
    cells = found.cells("warnings", "message", "details", "extra")
    assert cells == [(plain, f"[{masked}]", f'{{"new":{{"a":{masked}}}}}')]
    assert found.cells("setup_tests", "title") == [(plain,)]


def test_secret_beside_what_is_kept_as_text_is_masked():
    sent = '{"a":NaN,"password":"s3cr3t","link":"https://h/?sig=s3cr3t"}'
    alert = f'[{{"code":"c","message":"?sig=s3cr3t","details":{sent},"new":{sent}}},{sent}]'
    found = read(
        fields_of(f',"config":{sent},"new":{sent},"setup_tests":{alert}', f',"warnings":{alert}')
    )
    assert ("s3cr3t" in repr(found), repr(found).count("******")) == (False, 18)


def test_secret_that_not_every_stage_accepts_has_one_digest_in_either_decoding():
    secrets = f'"password":[{"9" * 1001}]'
    found = [read(fields_of(f',"config":{{{secrets}{more}}}')) for more in ("", ',"a":NaN')]
    [one, other] = (json.loads(each.cells("connectors", "config")[0][0]) for each in found)
    assert one["password"] == other["password"]


def test_secret_is_masked_in_every_json_cell():
    secret = {"password": "s3cr3t"}
    alert = {"details": secret, "new": [[secret]]}
    item = vendors(
        schedule=secret,
        source_sync_details=secret,
        config={"last_synced_changes__utc_": secret, "a": [secret]},
        warnings=[alert, [[secret]]],
        setup_tests=[alert],
        succeeded_at=secret,
    )
    found = read(item)
    assert "s3cr3t" not in repr(found)
    assert repr(found).count("******") == 10


@pytest.mark.parametrize("element", ['"text"', "null", "1.10", "true", "[{}]"])
def test_element_that_is_not_an_object_is_a_row(element):
    found = read(vendors(**dict.fromkeys(LISTS, (Raw(element.encode()),))))
    row = (0, None, None, None if element == "null" else element)
    cells = ("ordinal", "message", "details", "extra")
    assert [found.cells(name, *cells) for name in LISTS] == [[row]] * 3
    nulls = [found.cells(*it) for it in (("warnings", "code"), ("setup_tests", "status"))]
    assert nulls == [[(None,)]] * 2
    odd = [(name, "(element)", "is not an object") for name in LISTS]
    assert (found.reported, found.anomalies) == (odd, 3)


def test_anomalies_of_elements_are_counted_and_reported_without_values():
    alerts = [{"code": 1, "message": {}}, {"code": 2}]
    tests = [{"title": ["mine"], "status": 7}, {"title": "b", "status": "dozing"}]
    found = read(vendors(warnings=alerts, setup_tests=tests))
    odd = [("warnings", name, INVALID) for name in ("code", "message", "code")]
    odd += [("setup_tests", name, INVALID) for name in ("title", "status")]
    assert found.reported == [*odd, ("setup_tests", "status", UNKNOWN)]
    alerts = [(None, '{"code":1,"message":{}}'), (None, '{"code":2}')]
    assert (found.cells("warnings", "code", "extra"), found.anomalies) == (alerts, 6)
    tests = [("dozing", None), (None, '{"status":7,"title":["mine"]}')]
    assert found.cells("setup_tests", "status", "extra") == tests


@pytest.mark.parametrize("field", ["schedule_type", *STATES])
@pytest.mark.parametrize("state", ["dozing", "", "Connected!"])
def test_unknown_state_is_kept_as_sent_and_counted(field, state):
    found = read(vendors(**{field: state}))
    assert differences(found) == {section_of(field): {field: state}}
    assert (found.reported, found.anomalies) == ([(section_of(field), field, UNKNOWN)], 1)


STATE_WORDS = {"schedule_type": "Auto", "setup_state": "BROKEN", "sync_state": "Paused"}
STATE_WORDS |= {"update_state": "DELAYED", "schema_status": "Blocked_On_Capture"}


def test_state_in_another_case_is_stored_as_sent_and_is_no_anomaly():
    tests = [{"title": "t", "status": status} for status in ("failed", "Job_Failed")]
    found = read(vendors(**STATE_WORDS, setup_tests=tests))
    assert [
        found.cells("connectors", "schedule_type"),
        found.cells("connector_status", *STATES),
    ] == [
        [("Auto",)],
        [tuple(STATE_WORDS[name] for name in STATES)],
    ]
    assert found.reported == []


@pytest.mark.parametrize("bad", [*NO_ITEMS, *BROKEN, {"id": "x" * 256}])
def test_item_without_a_usable_id_or_unreadable_makes_the_page_unusable(bad):
    with pytest.raises(
        UnexpectedResponseError, match=r"^(The API listed|The item of connector one cannot)"
    ):
        read(item("good"), bad)


def test_later_item_of_one_id_wins_and_both_are_reported():
    one, two = "x" * 255, "été 7"  # any text may be an id
    early, other, late = item(one, schema=7), item(two), item(one, status=None, config={})
    found, alone = read(early, other, late), read(late, other)
    assert found == alone._replace(connector_ids=[one, two, one])


def test_later_page_replaces_the_count_of_a_connectors_anomalies():
    normalizer = Normalizer(known={}, on_anomaly=lambda *_: None, digest_key=DIGEST_KEY)
    counts = []
    for changes in ({"paused": 1}, {"paused": 1, "schema": 1}, {}):
        normalizer.normalize([Raw(encode(item(**changes)))])
        counts.append(normalizer.anomalies)
    assert counts == [1, 2, 0]


# A and a are the same time, B is a little later.
ENDS = {"-": None, "?": "never", "A": "2024-12-01T09:00:00Z", "a": "2024-12-01T10:00:00+01:00"}
ENDS["B"] = "2024-12-01T09:00:00.001Z"
FAILED = {"A-", "AA", "Aa", "a-", "aA", "aa", "B-", "BA", "Ba", "BB"}
BIG, LONG = "123456789012345678901234567890", "0.10000000000000000555111512312578270"
SAME = f'"text" "" {{}} [] 0 1.10 true "é" {BIG} {LONG} {{"a":[-{BIG},{{"b":{LONG}}}]}} 1E+400'
OTHERWISE = (' [1 , {"b":2,"a":0}]', '[1,{"a":0,"b":2}]'), ('"\\u00e9"', '"é"'), ("null", None)


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("2024-12-01T15:43:29Z", "2024-12-01 15:43:29.000000+00:00"),
        ("2024-12-01T15:43:29.013Z", "2024-12-01 15:43:29.013000+00:00"),
        ("2024-12-01T15:43:29.013729Z", "2024-12-01 15:43:29.013729+00:00"),
        ("2024-12-01T01:13:29+05:30", "2024-11-30 19:43:29.000000+00:00"),
        ("2024-12-01T01:13:29+0530", "2024-11-30 19:43:29.000000+00:00"),
        ("2024-11-30 14:43:29.5-05", "2024-11-30 19:43:29.500000+00:00"),
        ("2024-12-01t15:43:29.0137291234z", "2024-12-01 15:43:29.013729+00:00"),
        (" 2024-12-01 15:43:29 utc ", "2024-12-01 15:43:29.000000+00:00"),
        ("2024-12-31T23:59:60Z", "2025-01-01 00:00:00.000000+00:00"),
        ("2024-12-31T18:59:60.25-0500", "2025-01-01 00:00:00.250000+00:00"),
        ("2024-12-31T24:00:00Z", "2025-01-01 00:00:00.000000+00:00"),
        (1732981409, "2024-11-30 15:43:29.000000+00:00"),
        ("1732981409", "2024-11-30 15:43:29.000000+00:00"),
        (1732981409013, "2024-11-30 15:43:29.013000+00:00"),
        (Raw(b"1732981409.25"), "2024-11-30 15:43:29.250000+00:00"),
    ],
)
def test_times_of_any_precision_and_offset_become_one_utc_text(sent, stored):
    found = read(vendors(**dict.fromkeys(TIMES, sent)))
    assert found.cells("connectors", "created_at") == [(stored,)]
    assert found.cells("connector_status", *TIMES[1:]) == [(stored,) * 3]


@pytest.mark.parametrize(("failed_at", "succeeded_at"), [*product(ENDS, ENDS)])
def test_last_sync_failed_if_no_success_came_after_the_failure(failed_at, succeeded_at):
    found = read(item(failed_at=ENDS[failed_at], succeeded_at=ENDS[succeeded_at]))
    failed = found.rows["connector_status"][0]["last_sync_failed"]
    assert failed is (failed_at + succeeded_at in FAILED)


@pytest.mark.parametrize("name", OBJECTS + LISTS)
def test_null_is_absent_and_empty_is_present(name):
    null, empty = ({name: None}, {name: {}}) if name in OBJECTS else ({name: None}, {name: []})
    absent, emptied = {"connector_status": {f"has_{name}": False}, name: []}, empty
    if name in OBJECTS:
        absent = {"connectors": {name: None, f"has_{name}": False}}
        emptied = {"connectors": {name: "{}"}}
    assert differences(read(vendors(**null))) == absent
    assert differences(read(vendors(**empty))) == emptied


@pytest.mark.parametrize(("still", "kept"), [({}, "{}"), ({"a": {"b": 1}}, '{"a":{"b":1}}')])
def test_volatile_keys_of_config_have_their_own_column(still, kept):
    found = read(vendors(config={"last_synced_changes__utc_": "x"} | still))
    cells = {"config": kept, "config_volatile": '{"last_synced_changes__utc_":"x"}'}
    assert differences(found) == {"connectors": cells}


def test_secrets_are_masked_wherever_fields_are_kept():
    new = {"new": [{"apiKey": "s3cret", "host": "h"}]}
    more = {"config": new, "connect_card_config": new, "service": {"password": "s3cret"}}
    lists = dict.fromkeys(LISTS, (new,))
    status = STATUS | new | {"warnings": (new,), "tasks": (new,)}
    found = without_digests(read(vendors(status=status, **more, **new, **lists)))
    masked = '{"new":[{"apiKey":"******","host":"h"}]}'
    extra = masked[:-1] + ',"service":{"password":"******"}}'
    assert found.cells("connectors", *more, "extra") == [(masked, masked, None, extra)]
    assert [found.cells(section, "extra") for section in SECTIONS[1:]] == [[(masked,)]] * 4


@pytest.mark.parametrize(("sent", "stored"), [*((it, it) for it in SAME.split()), *OTHERWISE])
def test_details_may_be_any_json_and_are_kept_digit_by_digit(sent, stored):
    found = read(vendors(**dict.fromkeys(LISTS, ({"details": Raw(sent.encode())},))))
    assert [found.cells(name, "details") for name in LISTS] == [[(stored,)]] * 3


def test_equal_alerts_are_numbered_and_their_order_means_nothing():
    plain = {"code": "gone", "message": "A column is gone."}
    detailed, turned = plain | {"details": {"b": 1, "a": 2}}, {"details": {"a": 2, "b": 1}} | plain
    alerts = plain, detailed, turned, plain | {"details": None}
    reads = [read(item(status={"warnings": order})) for order in permutations(alerts)]
    keys = [sorted(each.cells("warnings", "content_hash", "ordinal", "code")) for each in reads]
    prints = sorted({content_hash for content_hash, *_ in keys[0]})
    assert keys == [[(*pair, "gone") for pair in product(prints, (0, 1))]] * 24


def test_alerts_that_differ_have_different_content_hashes():
    alerts = [{name: text} for name in ("code", "message", "details", "new") for text in "ab"]
    found = read(item(status={"tasks": alerts})).cells("tasks", "content_hash", "ordinal")
    assert (len(set(found)), {ordinal for _, ordinal in found}) == (8, {0})


def test_tests_of_one_title_are_numbered_and_their_order_means_nothing():
    titles = ("b", "b", None, "x" * 501)
    tests = [{"title": each, "status": s} for each, s in zip(titles, cycle(("PASSED", "FAILED")))]
    expected = [("", 0, "FAILED"), ("", 1, "PASSED"), ("b", 0, "FAILED"), ("b", 1, "PASSED")]
    for order in permutations(tests):
        cells = read(item(setup_tests=order)).cells("setup_tests", "title", "ordinal", "status")
        assert sorted(cells) == expected


def test_order_of_keys_and_white_space_change_no_row():
    deep = {"b": {"y": [1, {"q": 1, "p": 2}], "x": 1}, "a": "é"}
    whole = vendors(config=deep, new=deep, schedule=deep, warnings=[deep], paused=deep)
    spaced = json.dumps(whole, sort_keys=True, indent=3, separators=(" ,", " : ")).encode()
    plain, again = read(whole), read(b" " + spaced + b"\n")
    assert (again.rows, again.digests != plain.digests) == (plain.rows, True)


# --- what is unchanged is not read ----------------------------------------------------------

ANOMALIES = {"paused": 1, "sync_state": 1, "tasks": [1], "setup_tests": [{"title": 1}]}
ODD = vendors(**ANOMALIES)
KNOWN = read(ODD).digests
STORED = KNOWN["connector_id"]
FIELDS = [name for name in (*ODD, *STATUS, "new") if name not in ("id", "status", "connect_card")]
CROWD = vendors(warnings=[None] * 300)  # more reported than a byte counts


@pytest.mark.parametrize(("odd", "first", "later"), [(ODD, 4, 4), (CROWD, 300, 300)])
def test_unchanged_item_is_not_read_but_its_anomalies_are_counted(odd, first, later):
    before = read(odd)
    again = read(odd, known=before.digests)
    assert (before.anomalies, again) == (first, Read(NO_ROWS, [], later, ["connector_id"], [], {}))


@pytest.mark.parametrize("field", FIELDS)
def test_only_the_changed_section_and_the_status_are_read(field):
    section = section_of(field)
    changed = vendors(**ANOMALIES | {field: [2] if field in LISTS else "2026-11-20T01:00:00Z"})
    found, afresh = read(changed, known=KNOWN), read(changed)
    presence = ABSENT_LISTS | ({f"has_{section}": True} if section in LISTS else {})
    status = {"connector_status": [afresh.rows["connector_status"][0] | presence]}
    assert found.rows == NO_ROWS | {section: afresh.rows[section]} | status
    of_both = [odd for odd in afresh.reported if odd[0] in (section, "connector_status")]
    assert found[1:] == (of_both, afresh.anomalies, afresh.connector_ids, [], afresh.digests)


@pytest.mark.parametrize("old", [b'{"id":"x","old":1}', b'{"id":"x","status":{"old":1}}'])
def test_renamed_field_is_read(old):
    assert read(old.replace(b"old", b"new"), known=read(old).digests).rows["connector_status"]


def test_list_that_is_present_again_is_read_again():
    silent = read(ODD | {"setup_tests": None}, known=KNOWN).digests
    assert read(ODD, known=silent).rows["setup_tests"] == read(ODD).rows["setup_tests"]


@pytest.mark.parametrize("stored", [b"", bytes(45), STORED[:-1], STORED + b"x"], ids=len)
def test_digests_of_another_item_or_size_lead_to_reading_all(stored):
    assert read(ODD, known={"another": STORED, "connector_id": stored}) == read(ODD)


def test_other_rules_lead_to_reading_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "RULES_ID", bytes(4))
    found = read(ODD, known=KNOWN)
    assert (found.rows, found.anomalies) == (read(ODD).rows, 4)
    assert read(ODD, known=found.digests).rows == NO_ROWS
