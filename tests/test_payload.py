"""Items to rows: everything has its place, nothing odd is lost, and what is known is not read."""

import json
from itertools import chain, cycle, permutations, product
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from msgspec import Raw
from msgspec.json import encode
from worlds import Item, item

from inventory import fingerprints, payload
from inventory.errors import PayloadUnusable
from inventory.payload import COLUMNS, LISTS, SECTIONS, Reader

PAGE = Path(__file__).parent / "payloads" / "list_page_from_the_reference.json"
SAMPLE: Item = json.loads(PAGE.read_text())["data"]["items"][0]
STATUS: Item = SAMPLE["status"]
OBJECTS = ("config", "connect_card_config", "source_sync_details")
STATES = ("setup_state", "sync_state", "update_state", "schema_status")
UNFIT, UNKNOWN = "does not fit its column", "is a state not known"
UNTOLD = {f"{name}_told": False for name in LISTS}
NO_ROWS: dict[str, list[Any]] = {section: [] for section in SECTIONS}


class Read(NamedTuple):
    """What a page was read to; the fingerprints are taken out of the rows."""

    rows: dict[str, list[dict[str, Any]]]
    oddities: list[tuple[str, str, str]]
    anomalies: int
    connector_ids: list[str]
    fingerprints: dict[str, bytes]

    def cells(self, section: str, *names: str) -> list[tuple[Any, ...]]:
        return [tuple(row[name] for name in names) for row in self.rows[section]]


def read(*page: Any, known: dict[str, bytes] | None = None) -> Read:
    """Read a page of items, each given as an object or as its bytes."""
    oddities: list[tuple[str, str, str]] = []
    reader = payload.Reader(known=known or {}, on_oddity=lambda *odd: oddities.append(odd))
    ids, cells, _ = reader.read(Raw(it if type(it) is bytes else encode(it)) for it in page)
    rows = {s: [dict(zip(COLUMNS[s], row, strict=True)) for row in cells[s]] for s in SECTIONS}
    prints = {row["connector_id"]: row.pop("fingerprints") for row in rows["connector_status"]}
    return Read(rows, oddities, reader.anomalies, ids, prints)


def vendors(**changes: Any) -> Item:
    """The vendor's sample, made to tell of every field; changes find their way into its status."""
    of_status = {name: changes.pop(name) for name in STATUS if name in changes}
    # By hand, so that no other field has a say in when it is due.
    full = {"schedule": {"schedule_type": "MANUAL"}, "source_sync_details": {"a": 1}}
    return SAMPLE | full | {"status": STATUS | of_status} | changes


PLAIN = read(vendors())


def differences(found: Read) -> dict[str, Any]:
    """What is not as in `vendors()`: cells where a section has one row, else its rows."""
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
    # It is stored: were it made in another way, every alert there is would end and begin.
    "fingerprint": "6de25f11cc91b40abfffe3b88f0c430d",
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
        "config": '{"property1":{},"property2":{}}', "config_told": True, "config_volatile": None,
        "connect_card_config": '{"hide_setup_guide":true,"redirect_uri":"https://your.site/path"}',
        "connect_card_config_told": True, "source_sync_details": "{}",
        "source_sync_details_told": True, "extra": None,
    }],
    "connector_status": [{
        "connector_id": "connector_id", "setup_state": "connected", "sync_state": "scheduled",
        "update_state": "delayed", "schema_status": "ready", "is_historical_sync": False,
        "rescheduled_for": WHEN, "succeeded_at": WHEN, "failed_at": WHEN, "last_sync_failed": True,
        "due_at": "2024-12-02 04:43:29.013729+00:00",  # 13 hours after the success
        "extra": None, "warnings_told": True, "tasks_told": True, "setup_tests_told": True,
    }],
    "warnings": [SAMPLE_ALERT], "tasks": [SAMPLE_ALERT],
    "setup_tests": [{
        "connector_id": "connector_id", "title": "Test Title", "ordinal": 0, "status": "PASSED",
        "message": "Test Passed", "details": '"Test Details"', "extra": None,
    }],
}
# fmt: on


def test_vendors_sample_has_a_place_for_every_field():
    found = read(SAMPLE)
    assert found.rows == SAMPLE_ROWS
    assert (found.oddities, found.anomalies, found.connector_ids) == ([], 0, ["connector_id"])


@pytest.mark.parametrize("card", [SAMPLE["connect_card"], None, "eyJ0", ["eyJ0"], {"uri": {}}])
def test_connect_card_is_nowhere_whatever_it_is_and_is_no_reason_to_read(card):
    assert read(vendors(connect_card=card)) == PLAIN
    assert not any(text in repr(PLAIN) for text in ("eyJ0", "connect-card"))
    assert read(vendors(connect_card=card), known=PLAIN.fingerprints).rows == NO_ROWS


def test_card_that_begins_like_something_else_is_no_reason_to_read():
    begun = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9."
    one, another, itself = (
        {"id": "connector_id", "config": {"link": {"uri": begun}}, "connect_card": {"uri": card}}
        for card in (f"{begun}one", f"{begun}another", begun)
    )
    assert read(another, known=read(one).fingerprints).rows == NO_ROWS
    assert read(one).cells("connectors", "config") == [(f'{{"link":{{"uri":"{begun}"}}}}',)]
    assert read(itself).cells("connectors", "config") == [('{"link":{"uri":"[secret]"}}',)]


def test_short_words_of_a_card_stay_where_else_they_stand():
    word = "Привет"
    escaped = json.dumps({"id": "x", "schema": word, "connect_card": {"brand": word}})
    assert read(escaped.encode()).cells("connectors", "schema_name") == [(word,)]


@pytest.mark.parametrize("bare", [{}, {"status": None}, {"status": {}}, dict.fromkeys(SAMPLE)])
def test_field_that_is_missing_or_null_is_null_and_not_odd(bare):
    found = read(bare | {"id": "one"})
    whole = {"connector_id": "one"} | {f"{name}_told": False for name in OBJECTS}
    status = {"connector_id": "one", "last_sync_failed": False} | UNTOLD
    assert found.rows == NO_ROWS | {
        "connectors": [dict.fromkeys(COLUMNS["connectors"]) | whole],
        "connector_status": [dict.fromkeys(COLUMNS["connector_status"][:-1]) | status],
    }
    assert (found.oddities, found.anomalies) == ([], 0)


# --- what has no column, or does not fit it -------------------------------------------------


@pytest.mark.parametrize("value", ['{"a":[1.50,null],"b":"x"}', "null", "[]", "1E+400", '"é"'])
def test_unknown_fields_are_kept_verbatim_and_are_not_odd(value):
    new = {"new": Raw(value.encode())}
    lists = dict.fromkeys(LISTS, (new,))
    status = STATUS | new | {"warnings": (new,), "tasks": (new,)}
    found = read(vendors(status=status, **new, **lists))
    kept = [(f'{{"new":{value}}}',)]
    assert [found.cells(section, "extra") for section in SECTIONS] == [kept] * 5
    assert (found.oddities, found.anomalies) == ([], 0)


TIMES = ("created_at", "succeeded_at", "failed_at", "rescheduled_for")
MISFITS = {
    "service_version sync_frequency data_delay_threshold": f"""
        "often" "" "1.5" "٣" 1.5 true {{}} [1] 1E+30 {2**63} {-(2**63) - 1} "{2**63}" """,
    "paused pause_after_trial is_historical_sync": '"false" 0 1.0 {} [true]',
    "schema connected_by private_link_id service": '7 1.10 true {"a":[],"b":1} []',
    " ".join(("schedule_type", *STATES)): "1 false {} []",
    "schedule config source_sync_details": '"text" "" [] [{"host":"db"}] 7 false',
    " ".join(TIMES): """
        1732981409 true "yesterday" "" {} [] "2024-12-01" "2024-12-01T15:43:29" "15:43"
        "2024-02-30T00:00:00Z" "2024-12-01T25:00:00Z" "0001-01-01T00:00:00+01:00" """,
}
PAIRS = (product(names.split(), texts.split()) for names, texts in MISFITS.items())
NO_STATUS = product(["status"], ['"fine"', "7", "[]", "true"])
NO_LISTS = product(LISTS, ["{}", '{"code":"x"}', '"none"', "0", "false"])
NO_ITEMS = rb"""null [] "text" 7 {} {"id":null} {"id":""} {"id":7} {"id":{"a":1}} {"ID":"one"}
    {"id":"a\nb"} {"id":"a\u0000"}""".split()
BROKEN = b'{"id":"\xff"}', b'{"id":"one","schema":"\xff"}'


@pytest.mark.parametrize(("field", "value"), [*chain(*PAIRS)])
def test_misfit_leaves_its_column_null_and_is_kept_verbatim_and_counted(field, value):
    found = read(vendors(**{field: Raw(value.encode())}))
    column = "schema_name" if field == "schema" else field
    cells = {column: None, "extra": f'{{"{field}":{value}}}'}
    cells |= {"last_sync_failed": False} if field == "failed_at" else {}
    assert differences(found) == {section_of(field): cells}
    assert (found.oddities, found.anomalies) == ([(section_of(field), field, UNFIT)], 1)


@pytest.mark.parametrize("value", ['"360"', "360.0", "3.6e2", '"0360"', "360"])
def test_what_can_only_mean_an_integer_is_one(value):
    found = read(vendors(data_delay_threshold=Raw(value.encode())))
    assert found.cells("connectors", "data_delay_threshold", "extra") == [(360, None)]


@pytest.mark.parametrize(("name", "value"), [*NO_STATUS, *NO_LISTS])
def test_status_or_list_that_is_none_is_kept_verbatim_and_its_lists_are_not_told(name, value):
    found = read(vendors(**{name: Raw(value.encode())}))
    lists = ("warnings", "tasks") if name == "status" else (name,)
    home = "connectors" if name in ("status", "setup_tests") else "connector_status"
    cells = {"connectors": {}, "connector_status": {f"{each}_told": False for each in lists}}
    cells[home] |= {"extra": f'{{"{name}":{value}}}'}
    if name == "status":
        nulls = (*STATES, "is_historical_sync", "rescheduled_for")
        cells["connector_status"] |= dict.fromkeys(nulls)
    changed = {section: different for section, different in cells.items() if different}
    assert differences(found) == changed | {each: [] for each in lists}
    assert (found.oddities, found.anomalies) == ([(home, name, UNFIT)], 1)


def test_field_within_the_status_is_not_the_field_beside_it():
    inner = {"succeeded_at": "inner", "setup_tests": [1], "status": "inner"}
    found = read(vendors(status=STATUS | inner))
    kept = '{"setup_tests":[1],"status":"inner","succeeded_at":"inner"}'
    assert differences(found) == {"connector_status": {"extra": kept}}
    assert found.oddities == []


@pytest.mark.parametrize("number", ["1E+99999", "-1E-99999", "1e99999999999999999999"])
def test_number_that_no_database_takes_is_kept_as_text(number):
    found = read(vendors(new=Raw(number.encode())))
    assert found.cells("connectors", "extra") == [(f'{{"new":"{number}"}}',)]


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
def test_element_that_is_no_object_is_a_row_of_its_own(element):
    found = read(vendors(**dict.fromkeys(LISTS, (Raw(element.encode()),))))
    row = (0, None, None, None, None if element == "null" else element)
    assert [found.cells(name, *COLUMNS[name][2:]) for name in LISTS] == [[row]] * 3
    odd = [(name, "(element)", "is no object") for name in LISTS]
    assert (found.oddities, found.anomalies) == (odd, 3)


def test_oddities_of_elements_are_counted_each_and_told_without_their_values():
    alerts = [{"code": 1, "message": {}}, {"code": 2}]
    tests = [{"title": ["mine"], "status": 7}, {"title": "b", "status": "dozing"}]
    found = read(vendors(warnings=alerts, setup_tests=tests))
    odd = [("warnings", name, UNFIT) for name in ("code", "message", "code")]
    odd += [("setup_tests", name, UNFIT) for name in ("title", "status")]
    assert found.oddities == [*odd, ("setup_tests", "status", UNKNOWN)]
    alerts = [(None, '{"code":1,"message":{}}'), (None, '{"code":2}')]
    assert (found.cells("warnings", "code", "extra"), found.anomalies) == (alerts, 6)
    tests = [("dozing", None), (None, '{"status":7,"title":["mine"]}')]
    assert found.cells("setup_tests", "status", "extra") == tests


@pytest.mark.parametrize("field", ["schedule_type", *STATES])
@pytest.mark.parametrize("state", ["dozing", "", "Connected"])
def test_unknown_state_is_kept_as_sent_and_counted(field, state):
    found = read(vendors(**{field: state}))
    assert differences(found) == {section_of(field): {field: state}}
    assert (found.oddities, found.anomalies) == ([(section_of(field), field, UNKNOWN)], 1)


@pytest.mark.parametrize("bad", [*NO_ITEMS, *BROKEN, {"id": "x" * 256}])
def test_item_without_a_usable_id_or_unreadable_makes_the_page_unusable(bad):
    with pytest.raises(PayloadUnusable, match=r"^(The API listed|What .* connector one cannot)"):
        read(item("good"), bad)


def test_later_item_of_one_id_wins_and_both_are_reported():
    one, two = "x" * 255, "été 7"  # any text may be an id
    early, other, late = item(one, schema=7), item(two), item(one, status=None, config={})
    found, alone = read(early, other, late), read(late, other)
    assert found == alone._replace(connector_ids=[one, two, one])


def test_later_page_counts_the_oddities_of_a_connector_anew():
    reader, counts = Reader(known={}, on_oddity=lambda *_: None), []
    for changes in ({"paused": 1}, {"paused": 1, "schema": 1}, {}):
        reader.read([Raw(encode(item(**changes)))])
        counts.append(reader.anomalies)
    assert counts == [1, 2, 0]


# A and a are the same instant, B is a little later.
ENDS = {"-": None, "?": "never", "A": "2024-12-01T09:00:00Z", "a": "2024-12-01T10:00:00+01:00"}
ENDS["B"] = "2024-12-01T09:00:00.001Z"
FAILED = {"A-", "A?", "AA", "Aa", "a-", "a?", "aA", "aa", "B-", "B?", "BA", "Ba", "BB"}
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
def test_what_is_null_is_not_told_and_what_is_empty_is(name):
    null, empty = ({name: None}, {name: {}}) if name in OBJECTS else ({name: None}, {name: []})
    untold, emptied = {"connector_status": {f"{name}_told": False}, name: []}, empty
    if name in OBJECTS:
        untold = {"connectors": {name: None, f"{name}_told": False}}
        emptied = {"connectors": {name: "{}"}}
    assert differences(read(vendors(**null))) == untold
    assert differences(read(vendors(**empty))) == emptied


@pytest.mark.parametrize(("still", "kept"), [({}, "{}"), ({"a": {"b": 1}}, '{"a":{"b":1}}')])
def test_keys_of_config_that_move_by_themselves_are_split_off(still, kept):
    found = read(vendors(config={"last_synced_changes__utc_": "x"} | still))
    cells = {"config": kept, "config_volatile": '{"last_synced_changes__utc_":"x"}'}
    assert differences(found) == {"connectors": cells}


def test_secrets_are_masked_wherever_fields_are_kept():
    new = {"new": [{"apiKey": "s3cret", "host": "h"}]}
    more = {"config": new, "connect_card_config": new, "service": {"password": "s3cret"}}
    lists = dict.fromkeys(LISTS, (new,))
    status = STATUS | new | {"warnings": (new,), "tasks": (new,)}
    found = read(vendors(status=status, **more, **new, **lists))
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
    keys = [sorted(each.cells("warnings", "fingerprint", "ordinal", "code")) for each in reads]
    prints = sorted({fingerprint for fingerprint, *_ in keys[0]})
    assert keys == [[(*pair, "gone") for pair in product(prints, (0, 1))]] * 24


def test_alerts_that_differ_in_anything_have_their_own_fingerprints():
    alerts = [{name: text} for name in ("code", "message", "details", "new") for text in "ab"]
    found = read(item(status={"tasks": alerts})).cells("tasks", "fingerprint", "ordinal")
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
    assert (again.rows, again.fingerprints != plain.fingerprints) == (plain.rows, True)


# --- what is known is not read --------------------------------------------------------------

ODDITIES = {"paused": 1, "sync_state": 1, "tasks": [1], "setup_tests": [{"title": 1}]}
ODD = vendors(**ODDITIES)
KNOWN = read(ODD).fingerprints
STORED = KNOWN["connector_id"]
FIELDS = [name for name in (*ODD, *STATUS, "new") if name not in ("id", "status", "connect_card")]
CROWD = vendors(warnings=[None] * 300)  # more oddities than a byte counts


@pytest.mark.parametrize(("odd", "first", "later"), [(ODD, 4, 4), (CROWD, 300, 300)])
def test_item_of_the_same_bytes_is_not_read_but_its_oddities_are_counted(odd, first, later):
    before = read(odd)
    again = read(odd, known=before.fingerprints)
    assert (before.anomalies, again) == (first, Read(NO_ROWS, [], later, ["connector_id"], {}))


@pytest.mark.parametrize("field", FIELDS)
def test_changed_section_is_read_with_the_narrow_row_alone(field):
    section = section_of(field)
    changed = vendors(**ODDITIES | {field: [2] if field in LISTS else "2026-11-20T01:00:00Z"})
    found, anew = read(changed, known=KNOWN), read(changed)
    told = UNTOLD | ({f"{section}_told": True} if section in LISTS else {})
    status = {"connector_status": [anew.rows["connector_status"][0] | told]}
    assert found.rows == NO_ROWS | {section: anew.rows[section]} | status
    of_both = [odd for odd in anew.oddities if odd[0] in (section, "connector_status")]
    assert found[1:] == (of_both, anew.anomalies, anew.connector_ids, anew.fingerprints)


@pytest.mark.parametrize("old", [b'{"id":"x","old":1}', b'{"id":"x","status":{"old":1}}'])
def test_renamed_field_is_read(old):
    assert read(old.replace(b"old", b"new"), known=read(old).fingerprints).rows["connector_status"]


def test_list_that_is_told_again_is_read_again():
    silent = read(ODD | {"setup_tests": None}, known=KNOWN).fingerprints
    assert read(ODD, known=silent).rows["setup_tests"] == read(ODD).rows["setup_tests"]


@pytest.mark.parametrize("stored", [b"", bytes(45), STORED[:-1], STORED + b"x"], ids=len)
def test_fingerprints_that_are_not_of_these_bytes_lead_to_reading_all(stored):
    assert read(ODD, known={"another": STORED, "connector_id": stored}) == read(ODD)


def test_raised_normalizer_leads_to_reading_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprints, "NORMALIZER", 99)
    found = read(ODD, known=KNOWN)
    assert (found.rows, found.anomalies) == (read(ODD).rows, 4)
    assert read(ODD, known=found.fingerprints).rows == NO_ROWS
