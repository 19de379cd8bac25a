"""A name that says secret hides what stands behind it, and a name that does not, does not."""

from typing import Any

import pytest

from inventory.masking import MASK, is_secret_name, mask

SECRET = """
    password user_password sshpassword password2 passwd passphrase pass pass_phrase pwd db_pwd
    secret client_secret secretValue secrets_list shared-secret SECRET
    token access_token accesstoken oauth_token_secret tokens TOKEN refreshToken
    key api_key apiKey apikey hapikey API_KEY api-key api.key keys apiKeys key_id keyfile sshKey
    private_key privateKey private-key is_private credential credentials gcpCredentials
    keystore keystore_file truststore_password keytab bearer cookie jwt otp pat github_pat userPAT
    key1 apikey2 userpwd passcode PATValue JWTAssertion keypair key_pair creds connection_string
    pin card_pin sas signature auth_code authCode connect_card connectCard connect-card-uri
"""
# These hold none, but end like those that do: too much hidden is a nuisance, too little a leak.
SECRET_TO_BE_SAFE = "monkey sort_key ssh_public_key access_key_id my_primary_key"
HARMLESS = """
    path path_prefix file_pattern pattern patch compatible mapping field_mapping pinned spinner
    opinion keyspace keyword keyboard bypass compass passive passenger author
    authorize authorization_method auth_type desktop laptop sassy signal login
    primary_key primary_keys primaryKey public_key PublicKey public-key private_link_id
    external_secrets_manager_id external_secrets_keys_config host user id name uri
"""


@pytest.mark.parametrize("name", (SECRET + SECRET_TO_BE_SAFE).split())
def test_name_that_says_secret_is_known(name):
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["", "_", "é", *HARMLESS.split()])
def test_name_that_only_looks_like_it_is_harmless(name):
    assert not is_secret_name(name)


@pytest.mark.parametrize("value", ["hunter2", "", 7, 0, 1.5, [], {}, ["a", None], {"user": "me"}])
def test_secret_of_any_kind_is_hidden_whole(value):
    assert mask({"password": value}) == {"password": MASK}


@pytest.mark.parametrize("value", [None, True, False])
def test_whether_a_secret_is_set_stays_to_be_seen(value):
    assert mask({"password": value})["password"] is value


@pytest.mark.parametrize("value", ["password", 7, 1.5, None, True, [], {}, ["token"], [[{}], None]])
def test_value_without_a_secret_stays_as_it_is(value):
    assert mask(value) == value
    assert mask({"host": value}) == {"host": value}


@pytest.mark.parametrize("label", ["key", "name"])
def test_label_beside_a_value_says_what_the_value_is(label):
    def pair(what: str) -> dict[str, str]:
        return {label: what, "value": "v", "note": "n"}

    hidden = [pair(what) | {"value": MASK} for what in ("api_key", "Authorization", "X-Token")]
    assert mask([pair("api_key"), pair("Authorization"), pair("X-Token")]) == hidden
    assert mask(pair("Accept")) == pair("Accept")
    assert mask({label: 7, "value": "v"})["value"] == "v"


def test_key_without_a_value_beside_it_is_a_secret():
    assert mask({"key": "hunter2", "name": "n"}) == {"key": MASK, "name": "n"}


def test_secrets_are_hidden_at_any_depth():
    deep: dict[str, Any] = {
        "host": "db.example.com",
        "apiKey": "a",
        "reports": [{"auth": {"Client-Secret": "b", "scopes": ["x"]}}, [{"pat": 1}]],
        "external_secrets_keys_config": {"arn": "c", "token": "d"},
        "public_key": "e",
        "private": {"whatever": "f"},
    }
    before = repr(deep)
    assert mask(deep) == {
        "host": "db.example.com",
        "apiKey": MASK,
        "reports": [{"auth": {"Client-Secret": MASK, "scopes": ["x"]}}, [{"pat": MASK}]],
        "external_secrets_keys_config": {"arn": "c", "token": MASK},
        "public_key": "e",
        "private": MASK,
    }
    assert repr(deep) == before
