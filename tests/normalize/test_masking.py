"""Values are masked by their names and labels; what only looks secret is shown."""

import copy
import json
import re
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from support.builders import DIGEST_KEY, undigested

from inventory.normalize import vendor_fields
from inventory.normalize.keyed_digests import DigestKey
from inventory.normalize.masking import Masker
from inventory.normalize.masks import MASK
from inventory.normalize.secret_names import is_secret_name


def digested(value: Any, connector_id: str = "one") -> Any:
    """The value with its secrets masked."""
    return Masker(DIGEST_KEY, connector_id, (json.dumps(value).encode(),)).mask(value)


def mask(value: Any) -> Any:
    """The value with its secrets masked, without their digests."""
    bare = json.loads(undigested(json.dumps(digested(value))))
    assert digested(digested(value)) == digested(value)
    return bare


SECRET = """
    password user_password sshpassword password2 passwd passphrase pass pass_phrase pwd db_pwd
    secret client_secret secretValue secrets_list shared-secret SECRET
    token access_token accesstoken oauth_token_secret tokens TOKEN refreshToken
    key api_key apiKey apikey hapikey API_KEY api-key api.key keys apiKeys keyfile sshKey
    private_key privateKey private-key private credential credentials gcpCredentials cert pats
    keystore keystore_file truststore_password keytab bearer cookie jwt otp pat github_pat userPAT
    key1 apikey2 userpwd passcode PATValue JWTAssertion keypair key_pair creds connection_string
    pin card_pin sas signature auth_code authCode connect_card connectCard connect-card-uri
"""
# Not secret, but named like secrets. They are masked: too much is a nuisance, too little a leak.
SECRET_TO_BE_SAFE = """
    my_primary_key token_expiry_token my_token_id vault_secret_id my_sas_url private_url
    public_key_password public_private_key private_ip_token monkey_key tokens_used_token
"""
HARMLESS = """
    path path_prefix file_pattern pattern patch compatible mapping field_mapping pinned spinner
    opinion keyspace keyword keyboard bypass compass passive passenger author
    authorize authorization_method auth_type desktop laptop sassy signal login
    primary_keys public_key PublicKey public-key private_link_id require_privatelink
    privateLinkType private_endpoint access_token_expires_at private_key_format certificate_type
    external_secrets_manager_id external_secrets_keys_config host user id name uri
    partition_key sort_key SortKey foreign_key cursor_key unique_keys key_columns
    primary_keys_columns private_ip is_private private_subnet max_tokens tokens_used token_url
    api_key_name api_key_id secret_names password_policy password_expires_on secret_version
    public_key_fingerprint ssh_public_key sshPublicKey cookie_consent monkey survey_keys
    ssl_certificate_verification has_password
"""


@pytest.mark.parametrize("name", (SECRET + SECRET_TO_BE_SAFE).split())
def test_name_marks_a_secret(name):
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["", "_", "é", *HARMLESS.split()])
def test_name_that_only_looks_like_a_secrets_is_harmless(name):
    assert not is_secret_name(name)


SOME = [
    "hunter2",
    " x ",
    "*a",
    "none",
    7,
    0,
    1,
    1.5,
    ["a", None],
    [["a"]],
    {"user": "me"},
    {"a": True},
]


@pytest.mark.parametrize("value", SOME)
def test_secret_of_any_type_is_masked_as_a_whole(value):
    assert mask({"password": value}) == {"password": MASK}


EMPTY = [[], {}, [None, ""], [[]], [[True]], [{}], {"a": None}, {"a": [{"b": ""}]}]


@pytest.mark.parametrize("value", [None, True, False, "", " ", "null", *EMPTY])
def test_secret_that_is_not_set_is_shown(value):
    assert mask({"password": value}) == {"password": value}


@pytest.mark.parametrize(
    "value", [MASK, "********", [MASK, None], [MASK, "*"], [[MASK]], {"a": MASK}]
)
def test_mask_of_the_api_gets_no_digest(value):
    assert digested({"pats": value}) == {"pats": value}
    assert digested(json.dumps({"pats": value})) == json.dumps({"pats": value})
    assert digested(f'at {{"pats": "{MASK}"}}.') == f'at {{"pats": "{MASK}"}}.'


@pytest.mark.parametrize("value", ["password", 7, 1.5, None, True, [], {}, ["token"], [[{}], None]])
def test_value_without_a_secret_is_not_changed(value):
    assert mask(value) == value
    assert mask({"host": value}) == {"host": value}


@pytest.mark.parametrize("label", ["key", "name"])
def test_label_beside_a_value_is_shown(label):
    assert mask({label: "Accept", "value": "v", "a": 1}) == {label: "Accept", "value": MASK, "a": 1}


NAMES = "header_name headerName label parameter property header x_label Parameter-Name variable k"
VALUE_NAMES = "values header_value headerValue the-value val v content"


@pytest.mark.parametrize("label", NAMES.split())
@pytest.mark.parametrize("value", VALUE_NAMES.split())
def test_label_and_value_may_have_other_names(label, value):
    for order in ((label, value), (value, label)):
        pair = {label: "Authorization", value: "hunter2", "note": "n"}
        pair = {name: pair[name] for name in (*order, "note")}
        assert mask(pair) == pair | {value: MASK}
        assert mask(pair | {label: "Accept"}) == pair | {label: "Accept"}
        assert mask(pair | {value: ["hunter2", {}]}) == pair | {value: MASK}
        assert mask(pair | {value: True}) == pair | {value: True}


@pytest.mark.parametrize("name", ["api_key", "header_key"])
def test_label_with_a_secrets_name_is_masked_and_still_a_label(name):
    assert mask({name: "X-Token", "a_value": "hunter2"}) == {name: MASK, "a_value": MASK}


NAMED = {
    '[["X-Api-Key","hunter2"]]': '[["X-Api-Key","******"]]',
    '[["Accept","a"],["Authorization","hunter2"]]': '[["Accept","a"],["Authorization","******"]]',
    '[["password",4711],["password",["hunter2"]]]': '[["password","******"],["password","******"]]',
    '["run","--password","hunter2","--host","h"]': '["run","--password","******","--host","h"]',
    '{"https://u:hunter2@h/x":1,"n":2}': '{"https://u:******@h/x":1,"n":2}',
    '[[["a"],["--password","hunter2"]]]': '[[["a"],["--password","******"]]]',
}


@pytest.mark.parametrize("text", NAMED)
def test_secret_beside_its_name_in_a_list_or_inside_a_name_is_masked(text):
    assert mask(json.loads(text)) == json.loads(NAMED[text])
    assert mask({"a": json.loads(text)}) == {"a": json.loads(NAMED[text])}
    assert mask(text) == NAMED[text]


@pytest.mark.parametrize(
    "value",
    [
        ["token", "user_id"],
        [["id", "token"], ["token"], ["token", "id", "name"], ["token", None], ["host", "h"]],
        ["--no-password", "--host", "h"],
        ["--host", "h", "-", "x", "--token-url", "u", "--password"],
        ["--password", MASK],
    ],
)
def test_list_that_names_no_secret_is_not_changed(value):
    assert mask(value) == value
    assert mask(json.dumps(value)) == json.dumps(value)


TEXTS = {
    '{"password": "hunter2", "host": "h"}': '{"host":"h","password":"******"}',
    ' [{"password": "hunter2"}]\n': '[{"password":"******"}]',
    '{"a": [{"name": "token", "value": "hunter2", "n": 1.50}]}': (
        '{"a":[{"n":1.50,"name":"token","value":"******"}]}'
    ),
    json.dumps(json.dumps({"pin": "hunter2"})): json.dumps('{"pin":"******"}'),
    json.dumps({"j": json.dumps({"j": json.dumps({"pin": "hunter2"})})}): (
        json.dumps({"j": '{"j":"{\\"pin\\":\\"******\\"}"}'}, separators=(",", ":"))
    ),
    '{"a": NaN, "pin": 1e9999}': '{"a":"NaN","pin":"******"}',
    "[" * 3000 + '{"pin":"hunter2"}' + "]" * 3000: "[" * 3000 + '{"pin":"******"}' + "]" * 3000,
    # Not JSON as a whole.
    'at {"user": "me", "password": "hunter2"}.': 'at {"user": "me", "password": ******}.',
    '{"user": "me", "password": "hunt': '{"user": "me", "password": ******',
    '{"password": "hun\\"ter2", "user"': '{"password": ******, "user"',
    '{"password": {"a": "hunter2"}, "user"': '{"password": ******',
    r'cfg="{\"password\": \"hunter2\"}"': r'cfg="{\"password\": ******',
    """{'password': 'hunter2', "user": 1}""": "{'password': ******",
    '"pin" = 4711, "user" = 1': '"pin" = ******, "user" = 1',
    '{"pin": null, "otp": true, "pw": 4711': '{"pin": null, "otp": true, "pw": ******',
}


@pytest.mark.parametrize("text", TEXTS)
def test_secret_in_json_inside_a_text_is_masked(text):
    assert mask(text) == TEXTS[text]
    assert mask({"a": [text]}) == {"a": [TEXTS[text]]}
    for level in range(3):  # and in JSON in JSON
        deeper = text
        for _ in range(level):
            deeper = json.dumps([deeper])
        assert "hunter2" not in mask(deeper)
    assert mask(TEXTS[text]) == TEXTS[text]


@pytest.mark.parametrize(
    "text",
    [
        '{ "host" : "h" }',
        "[1, 2]",
        '"',
        '"a"',
        'Table "token" is gone',
        '{"password": null}',
        "{",
        '["',
    ],
)
def test_text_without_a_secret_is_not_changed(text):
    assert mask(text) == text
    assert mask([text]) == [text]


def test_key_without_a_value_beside_it_is_a_secret():
    assert mask({"key": "hunter2", "name": "n"}) == {"key": MASK, "name": "n"}


def test_secrets_are_masked_at_any_depth():
    deep: dict[str, Any] = {
        "host": "db.example.com",
        "apiKey": "a",
        "reports": [{"auth": {"Client-Secret": "b", "scopes": ["x"]}}, [{"pat": 1}]],
        "external_secrets_keys_config": {"arn": "c", "deep": [{"host": "d"}]},
        "public_key": "e",
        "private": {"whatever": "f"},
    }
    before = repr(deep)
    assert mask(deep) == {
        "host": "db.example.com",
        "apiKey": MASK,
        "reports": [{"auth": {"Client-Secret": MASK, "scopes": ["x"]}}, [{"pat": MASK}]],
        "external_secrets_keys_config": {"arn": MASK, "deep": MASK},
        "public_key": "e",
        "private": MASK,
    }
    assert repr(deep) == before


def listed_in(name: str) -> list[str]:
    lines = (Path(__file__).parent / "vendor_fields" / name).read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


SENSITIVE, UNMARKED = listed_in("sensitive.txt"), listed_in("unmarked.txt")


def test_vendor_fields_are_those_that_the_vendor_lists():
    assert len(SENSITIVE) == 168
    assert set(SENSITIVE) == vendor_fields.SENSITIVE
    assert set(UNMARKED) == vendor_fields.UNMARKED > vendor_fields.UNMARKED_SECRETS


def spellings_of(name: str) -> list[str]:
    first, *others = name.split("_")
    camel = first + "".join(map(str.title, others))
    return [name, name.upper(), camel, camel[:1].upper() + camel[1:], name.replace("_", "-")]


def test_field_that_the_vendor_marks_is_masked_at_any_depth():
    for each in chain.from_iterable(map(spellings_of, SENSITIVE)):
        deep = {"a": [{"b": {each: "hunter2", "c": 1}}]}
        assert mask(deep) == {"a": [{"b": {each: MASK, "c": 1}}]}
        assert "hunter2" not in mask(json.dumps(deep))


HARMLESS_UNMARKED = """
    abs_public_key access_key_id are_soap_credentials_provided aws_access_key_id
    community_api_key_name custom_dimension_key_ids ekm_key_identifiers encoded_public_key
    enhanced_pass_ticket_type gcs_service_account_credentials_path is_custom_api_credentials
    is_keypair is_private_key_encrypted is_private_link_required is_sftp_creds_available
    jwt_environment key_id key_store_type key_type o_auth_service_token_url pat_name project_key
    refresh_token_expires_at region_token_url report_keys schema_registry_credentials_source
    sftp_is_key_pair sftp_public_key signature_encoding signer_public_key
    token_authenticated_container token_authenticated_database token_url_region use_api_keys
"""


def test_field_that_the_vendor_does_not_mark_is_shown_unless_it_is_clearly_a_secret():
    for name in UNMARKED:
        shown = "v" if name in HARMLESS_UNMARKED.split() else MASK
        for each in spellings_of(name):
            assert mask({each: "v"}) == {each: shown}


def test_same_secret_has_another_digest_at_another_place_and_in_another_connector():
    place = {"password": "hunter2"}
    texts = {"c": "?pin=hunter2", "d": "{'pin': 'hunter2'"}
    places = {"a": place, "b": place, "pin": "hunter2"} | texts
    kept = json.dumps([digested(places), digested(places, "two")])
    masks = re.findall(r"\*{6} [0-9a-f]{8}", kept)
    assert len(set(masks)) == len(masks) == 10
    other_key = Masker(DigestKey(b"another" * 5), "one", ()).mask(place)
    assert other_key != digested(place)
    assert "hunter2" not in json.dumps(other_key)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("hunter2", "hunter3"),
        ("5432", "05432"),
        (0, False),
        (["a", "b"], ["b", "a"]),
        ({"a": {"b": 1}}, {"a": {"b": 2}}),
        ({"a": {"pin": "1"}}, {"a": {"pin": "2"}}),
        ("a ", "a"),
    ],
)
def test_digest_of_a_secret_changes_with_it(one, other):
    for around in ({"password": one}, json.dumps({"a": {"password": one}})):
        assert digested(around) == digested(copy.deepcopy(around))
    assert digested({"password": one}) != digested({"password": other})
    text, another = (f'at {{"password": {json.dumps(it)}' for it in (one, other))
    assert digested(text) != digested(another)
    assert digested({"password": {"b": one, "a": 1}}) == digested({"password": {"a": 1, "b": one}})


def test_number_and_its_text_are_one_secret():
    assert digested({"pin": 4711}) == digested({"pin": "4711"})


def test_digest_does_not_depend_on_the_place_in_a_list():
    parts = [{"name": "a", "token": "x"}, {"name": "b", "token": "y"}]
    assert digested(parts[::-1]) == digested(parts)[::-1]


@pytest.mark.parametrize(
    "value", ["[" * 5000 + "1" + "]" * 5000, '{"pin":' * 5000 + "1" + "}" * 5000]
)
def test_digest_of_a_secret_of_any_depth_in_a_text(value):
    kept = digested(f'{{"a":1,"password":{value}}}')
    assert undigested(kept) == '{"a":1,"password":"******"}'
    assert kept != digested(f'{{"a":1,"password":{value[::-1]}}}')


def test_everything_in_an_envelope_is_masked():
    for value in ("x", 1, ["x"], {"host": "x"}, {"a": ["x"]}, {"a": {"b": "x"}}):
        for envelope in ("external_secrets_keys_config", "externalSecretsKeysConfig"):
            kept = mask({"a": {envelope: value}})["a"][envelope]
            assert kept == (dict.fromkeys(value, MASK) if isinstance(value, dict) else MASK)
            assert '"x"' not in mask(json.dumps({envelope: value}))
    assert mask({"external_secrets_keys_config": {"a": None, "b": MASK}}) == {
        "external_secrets_keys_config": {"a": None, "b": MASK}
    }
