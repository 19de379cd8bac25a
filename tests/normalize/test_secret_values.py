"""Secrets in a text are found by their form, and only the secret part is masked."""

import json
import time

import pytest
from support.builders import DIGEST_KEY, undigested

from inventory.normalize.masking import Masker

PEM = "-----BEGIN {0}-----\nMIIEpAIBAAKCAQEA\nhunter2+/=\n-----END {0}-----"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0"
# Concatenated, so that no secret scanner reports them.
TOKENS = [
    "AKIA" + "IOSFODNN7EXAMPLE",
    "ASIA" + "IOSFODNN7EXAMPLE",
    "AIza" + "SyA-1234567890_abcdefghijklmnopqrstu",
    "GOCSPX-" + "a1b2c3d4e5f6g7h8i9j0k1l2",
    "ya29." + "a0AfH6SMBx-123456789012",
    *(f"gh{kind}_" + "a1B2" * 9 for kind in "pousr"),
    "github_pat_" + "11ABCDEFG0123456789_abc",
    "glpat-" + "a1b2c3d4e5f6g7h8i9j0",
    "xoxb-" + "123456789012-abcdef",
    "xoxp-" + "123456789012-abcdef",
    "xapp-" + "1-A012345-6789",
    *(f"{kind}k_{mode}_" + "a1B2c3D4e5F6g7H8" for kind in "sr" for mode in ("live", "test")),
    "whsec_" + "a1B2c3D4e5F6g7H8",
    "shpat_" + "0123456789abcdef" * 2,
    "SG." + "a1B2c3D4e5F6g7H8i9J0k1." + "a1B2" * 10 + "xyz",
    "pat-" + "na1-01234567-89ab-cdef-0123-456789abcdef",
    "dapi" + "0123456789abcdef" * 2,
    JWT + ".s1gn-a_ture",
    JWT + ".",
    JWT.partition(".")[0] + "..iv.text.tag",
    JWT + ".iv.text.tag",
    "LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQo=",
]


def masked(text: str) -> str:
    """The text masked in a field with a harmless name, without digests."""
    said = json.dumps({"a": [text]})
    masker = Masker(DIGEST_KEY, "one", (said.encode(),))
    [kept] = masker.mask({"a": [text]})["a"]
    assert masker.mask({"a": [kept]}) == {"a": [kept]}  # once more changes nothing
    return undigested(kept)


@pytest.mark.parametrize("token", TOKENS)
def test_token_is_masked_by_its_form(token):
    for around in ("{}", "the key {}.", "Token={}", '"{}"', "a/{}:b", "é{}"):
        left = masked(around.format(token))
        assert left.replace(".", "") == around.format("******").replace(".", "")


@pytest.mark.parametrize("token", [token for token in TOKENS if not token.startswith("ey")])
def test_token_after_an_underscore_is_masked(token):
    assert masked(f"a_{token}") == "a_******"


IN_PART = {
    # Passwords in addresses.
    "postgresql://me:hunter2@db.example.com:5432/x": "postgresql://me:{}@db.example.com:5432/x",
    "https://:hunter2@git.example.com/a.git": "https://:{}@git.example.com/a.git",
    "amqp://a:hunter2@h1,b:2@h2": "amqp://a:{}@h2",
    "ftp://me:p%40ss@h and ftp://you:hunter2@h": "ftp://me:{}@h and ftp://you:{}@h",
    "ftp://me:hun/ter2@h/path": "ftp://me:{}@h/path",
    "//me:hunter2@h": "//me:{}@h",
    "https%3A%2F%2Fme%3Ahunter2%40h%2Fa": "https%3A%2F%2Fme%3A{}%40h%2Fa",
    "https://me:hun ter2@h/": "https://me:{}@h/",
    "jdbc:oracle:thin:scott/hunter2@//h:1521/x": "jdbc:oracle:thin:scott/{}@//h:1521/x",
    # Signatures and keys in addresses.
    "https://f.example/api/run?code=hunter2==&x=1": "https://f.example/api/run?code={}&x=1",
    "https://b.example/c?sv=2022&sig=hunter%2F2%3D&se=1": "https://b.example/c?sv=2022&sig={}&se=1",
    "https://h/?a=1&amp;sig=hunter2&amp;b=2": "https://h/?a=1&amp;sig={}&amp;b=2",
    "https://h/#access_token=hunter2&state=1": "https://h/#access_token={}&state=1",
    "https://h/?X-Amz-Credential=hunter2/s3&X-Amz-Date=1&X-Amz-Signature=0f": (
        "https://h/?X-Amz-Credential={}&X-Amz-Date=1&X-Amz-Signature={}"
    ),
    "https://h/?key=hunter2 is gone": "https://h/?key={} is gone",
    "https://h/?apiKey=hunter2&API-TOKEN=x&auth=y": "https://h/?apiKey={}&API-TOKEN={}&auth={}",
    "https://h/?to=https%3A%2F%2Fi%2F%3Ftoken%3Dhunter2%26a%3D1": (
        "https://h/?to=https%3A%2F%2Fi%2F%3Ftoken%3D{}%26a%3D1"
    ),
    "https://hooks.slack.com/services/T1/B2/hunter2 (ours)": (
        "https://hooks.slack.com/services/{} (ours)"
    ),
    "https://h/?a=1;code=hunter2;b=2": "https://h/?a=1;code={};b=2",
    # Commands.
    "curl -X GET -u me:hunter2 https://h": "curl -X GET -u me:{} https://h",
    "curl --user 'me:hunter2' https://h": "curl --user 'me:{}' https://h",
    "run --password hunter2 --host h": "run --password {} --host h",
    "run --password=hunter2 --host h": "run --password={} --host h",
    # Headers and lines.
    "X-Api-Key: hunter2": "X-Api-Key: {}",
    "Accept: a/b\r\nX-Api-Key: hunter2\r\nHost: h": "Accept: a/b\r\nX-Api-Key: {}\r\nHost: h",
    "a:\n  - password:hun,ter2  \n    host: h": "a:\n  - password:{}  \n    host: h",
    "PASSWORD : hunter2": "PASSWORD : {}",
    "host: h, password: hunter2, port: 1": "host: h, password: {}, port: 1",
    "host:h,password:hunter2,port:1": "host:h,password:{},port:1",
    "Authorization: Basic abc": "Authorization: Basic {}",
    # Settings of connections.
    "host=db user=me password=hunter2 port=5432": "host=db user=me password={} port=5432",
    "password = 'hunter 2' user=me": "password = {} user=me",
    "Server=db;Uid=me;Pwd=hun,ter#2;Port=1": "Server=db;Uid=me;Pwd={};Port=1",
    "Driver=x;PWD={hunter; 2};A=1": "Driver=x;PWD={};A=1",
    "AccountName=a;AccountKey=hunter2==;E=1": "AccountName=a;AccountKey={};E=1",
    "client_id=a&client_secret=hunter2&grant=b": "client_id=a&client_secret={}&grant=b",
    # Others.
    "Authorization: Bearer hunter2-hunter2": "Authorization: Bearer {}",
    "Basic aHVudGVyMjpodW50ZXIy is wrong": "Basic {} is wrong",
    f"a {PEM.format('RSA PRIVATE KEY')} b": (
        "a -----BEGIN RSA PRIVATE KEY-----{}-----END RSA PRIVATE KEY----- b"
    ),
    PEM.format("CERTIFICATE") + PEM.format("PRIVATE KEY"): (
        "-----BEGIN CERTIFICATE-----{}-----END CERTIFICATE-----"
        "-----BEGIN PRIVATE KEY-----{}-----END PRIVATE KEY-----"
    ),
    "-----BEGIN EC PRIVATE KEY-----hunter2-----END EC PRIVATE KEY-----": (
        "-----BEGIN EC PRIVATE KEY-----{}-----END EC PRIVATE KEY-----"
    ),
    "-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2": "-----BEGIN OPENSSH PRIVATE KEY-----{}",
    PEM.format("PRIVATE KEY").lower(): ("-----begin private key-----{}-----end private key-----"),
    "---- BEGIN SSH2 PRIVATE KEY ----\nhunter2\n---- END SSH2 PRIVATE KEY ----": (
        "---- BEGIN SSH2 PRIVATE KEY ----{}---- END SSH2 PRIVATE KEY ----"
    ),
    "Public-Lines: 1\nAAAA\nPrivate-Lines: 2\nhun\nter2\nPrivate-MAC: 0f": (
        "Public-Lines: 1\nAAAA\nPrivate-Lines: {}\n{}\nPrivate-MAC: {}"
    ),
    "{'password': 'hunter2'": "{{'password': {}",
}


@pytest.mark.parametrize("text", IN_PART)
def test_only_the_secret_part_is_masked(text):
    left = IN_PART[text].replace("{}", "******").replace("{{", "{")
    assert masked(text) == left
    assert masked(f'{{"a": {json.dumps(text)}}}') == json.dumps({"a": left}, separators=(",", ":"))


@pytest.mark.parametrize(
    "text",
    [
        "/var/lib/data/2026/11/part-00000-0123456789abcdef0123456789abcdef.parquet",
        "s3://bucket/prefix/AKIA/file",
        "orders_0123456789abcdef0123456789abcdef01234567",
        "sha256:" + "0123456789abcdef" * 4,
        "01234567-89ab-cdef-0123-456789abcdef",
        "https://db.example.com:5432/x?email=me@example.com&codec=utf8",
        "postgresql://me@h1:5432,h2:5433/db?application_name=a@b",
        "mongodb://h1:27017,h2:27017/db?to=a@b",
        "http://[::1]:8080/?to=a@b",
        "git@github.com:org/repo.git",
        "me@example.com: all good",
        "The status code=404, exit code = 3 of a=b",
        "https://h/?page_token=&sig=",
        "https://h/?use_token=true&key=null",
        "Basic authentication failed; a bearer of bad news",
        "eyJrYXRlLmV4YW1wbGU.com",
        "monkeys and tokens",
        "note: see below",
        "note: password follows, me@example.com",
        "token: it has expired",
        "Invalid token: expired",
        "The primary key: id, the foreign key: other",
        "password_policy: strict",
        "at 2026-11-27T15:36:08Z: token://a/b",
        "see //h:80/a and https%3A%2F%2Fh%3A80%2Fa%40b",
        "https://h:8080 is down, ask me@example.com",
        "docker run -u 1000:1000 --token-url a --no-password --host h",
        "---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----",
        "sk_live and whsec_ and ghp_short and pat-name-1",
        PEM.format("PUBLIC KEY"),
        PEM.format("PGP PUBLIC KEY BLOCK"),
    ],
)
def test_text_that_only_looks_like_a_secret_is_not_changed(text):
    assert masked(text) == text


PARTS = """
    ://a: ://a:b@ = ={ a={ a=' a=" key= ?key=a& %26key%3D -----BEGIN eyJ- eyJaaaaaaaaaa.aaaa
    //a: %2F%2Fa%3A ,a: a:, pin:,a --pin ;a= ?a=; a;a= :thin:a/ AKIA
    hooks.slack.com/ LS0tLS1CRUdJTi SG. ghp_ '"pin": 'a': xoxb-
"""
SPACED = [
    "-----BEGIN A-----",
    "-----BEGIN ",
    "Basic a",
    "a=a ",
    "a: a\n",
    "a: ",
    ", ",
    "curl ",
    "curl -u a",
    "--a ",
    "Private-Lines: 1 ",
    "---- ",
    "https://a:a a ",
    "{'pin': ",
]
LARGE = [part * (100_000 // len(part)) for part in (*PARTS.split(), *SPACED)]
DEEP = '{"pin":"x","a":' * 4000 + "1" + "}" * 4000


@pytest.mark.parametrize("text", [*LARGE, DEEP], ids=lambda text: text[:20])
def test_time_grows_with_the_text_and_not_with_its_square(text):
    begun = time.process_time()
    assert len(masked(text)) >= 40_000 or "******" in masked(text)
    assert time.process_time() - begun < 2
