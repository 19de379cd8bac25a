"""Which URLs and folders can be exported to, and how they are spelled."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from support.builders import connect
from support.effort import CHIEFLY_SQLITE

from inventory.cli import main
from inventory.db.engine import read_only
from inventory.db.export_bookmarks import read
from inventory.errors import ConfigurationError
from inventory.export.object_stores import hide_secrets
from inventory.export.storage import open_storage
from inventory.export.storage_errors import failure
from inventory.redaction import redacted


@pytest.fixture(autouse=True)
def _user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "a2V5a2V5")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("url", "spelled"),
    [
        ("s3://lake", "s3://lake"),
        ("S3://lake//inventory///prod/", "s3://lake/inventory/prod"),
        ("gs://lake/team=data/inventory_1.0-x", "gs://lake/team=data/inventory_1.0-x"),
        ("az://lake/inventory", "az://lake/inventory"),
    ],
)
def test_prefix_has_one_spelling(url: str, spelled: str) -> None:
    assert open_storage(url).url == spelled


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("lake", "lake"),
        ("./lake/", "lake"),
        ("other/../lake", "lake"),
        ("~/lake", "lake"),
        ("file://{}/lake", "lake"),
        ("FILE://localhost{}/the%20lake", "the lake"),
        ("link", "lake"),
        ("a b%20c?d#e", "a b%20c?d#e"),
        ("søø", "søø"),
    ],
)
def test_folder_has_one_spelling(path: str, folder: str, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("lake")
    assert open_storage(path.format(tmp_path)).url == str(tmp_path / folder)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("s3://key:pass-word@lake/inventory", "neither credentials nor options"),
        ("s3://lake/inventory?secret=pass-word", "neither credentials nor options"),
        ("s3://lake/inventory#pass-word", "neither credentials nor options"),
        ("s3://", "names no bucket"),
        ("gs:///", "names no bucket"),
        ("s3://lake/../other", "another URL"),
        ("s3://lake/a b", "may contain letters"),
        ("s3://lake/a%2Fb", "may contain letters"),
        ("s3://lake/søø", "may contain letters"),
        ("s3://[lake/a", "may contain letters"),
        ("s3:/lake/inventory", "two slashes"),
        ("ftp://user:pass-word@lake", "s3://, gs:// or az://"),
        ("file://host/lake", "three slashes"),
        ("file:///lake?pass-word", "three slashes"),
        ("", "has no name"),
    ],
)
def test_other_urls_are_refused_and_not_quoted(url: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        open_storage(url)
    assert words in str(refused.value)
    assert "pass-word" not in str(refused.value)


def test_azure_needs_an_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME")
    with pytest.raises(ConfigurationError, match="needs AZURE_STORAGE_ACCOUNT_NAME"):
        open_storage("az://lake")


# As pyarrow and deltalake wrote them for emulators of both stores, shortened.
SAID = {
    "az://lake": (
        "UploadFrom failed for 'https://account.blob.core.windows.net/lake/a?sig=pass-word&sv=1'. "
        "There is no existing blob. Azure Error: [ContainerNotFound] 404 The specified container "
        "does not exist.\nThe specified container does not exist.\nRequestId:e0ddf20b\nTime:2026",
        "[ContainerNotFound] 404 The specified container does not exist. The specified container "
        "does not exist. There is no such bucket. Create it, or pass another URL.",
    ),
    "az://lake/a": (
        "GetProperties failed for 'https://account.blob.core.windows.net/lake/a?sig=pass-word'. "
        "Azure Error: [AuthenticationFailed] 403 Forbidden\n\nRequest ID: ",
        "[AuthenticationFailed] 403 Forbidden. The credentials are wrong or have expired. Check "
        "AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN.",
    ),
    "gs://lake": (
        "google::cloud::Status(NOT_FOUND: Permanent error, with a last message of Not Found "
        "error_info={reason=Not Found, domain=global, metadata={http_status_code=404}})",
        "Not Found. There is no such bucket. Create it, or pass another URL.",
    ),
    "gs://lake/a": (
        "Generic GCS error\n  \x1b[31m↳\x1b[0m Unable to open service account file from /a.json\n"
        "  \x1b[31m↳\x1b[0m No such file or directory (os error 2)",
        "Generic GCS error: Unable to open service account file from /a.json: No such file or "
        "directory (os error 2). No credentials that can be used were found. Check "
        "GOOGLE_APPLICATION_CREDENTIALS.",
    ),
}


@pytest.mark.parametrize("url", SAID)
def test_what_other_stores_say_is_told_in_one_line(url: str) -> None:
    text, told = SAID[url]
    error = failure(url, OSError(text), is_local=False)
    assert isinstance(error, ConfigurationError)
    assert str(error) == f"{url} cannot be exported to: {told}"


def test_signature_of_azure_is_hidden_wherever_it_stands() -> None:
    hide_secrets({"AZURE_STORAGE_SAS_TOKEN": "?sv=1&sig=pass%2Bword%3D&se=2"})
    assert (
        redacted("a?se=2&sig=pass%2Bword%3D&sv=1 pass+word=") == "a?se=2&sig=[secret]&sv=1 [secret]"
    )


@CHIEFLY_SQLITE
@pytest.mark.parametrize("output_format", ["parquet", "delta"])
def test_folder_is_one_target_however_it_is_reached(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output_format: str
) -> None:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", database_url)
    (tmp_path / "link").symlink_to("the lake, 100% øl?")
    words = ("--format", output_format, "--tables", "incidents")
    for path in ("the lake, 100% øl?", "link", str(tmp_path / "link") + "/"):
        result = CliRunner().invoke(main, ["export", path, *words])
        assert result.exit_code == 0, result.output
    target = str(tmp_path / "the lake, 100% øl?")
    with read_only(connect(database_url)) as connection:
        assert read(connection, target).keys() == {"incidents"}
    assert sorted(each.name for each in tmp_path.glob("*lake*")) == ["the lake, 100% øl?"]


@CHIEFLY_SQLITE
@pytest.mark.parametrize("output_format", ["parquet", "delta"])
def test_path_that_cannot_be_written_to_is_for_the_user(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output_format: str
) -> None:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", database_url)
    (tmp_path / "file").touch()
    for path in ("file", "file/lake", "/proc/lake"):
        result = CliRunner().invoke(main, ["export", path, "--format", output_format])
        assert (result.exit_code, result.stdout) == (2, ""), result.output
        assert "cannot be exported to: " in result.stderr
        assert result.stderr.endswith("Pass another folder.\n")


@CHIEFLY_SQLITE
@pytest.mark.parametrize("name", ["a%20b", "a\\b", "a\nb"])
def test_folder_whose_name_delta_misreads_is_refused(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", database_url)
    words = ("export", name, "--tables", "incidents", "--format")
    result = CliRunner().invoke(main, [*words, "delta"])
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "cannot hold Delta tables" in result.stderr
    assert CliRunner().invoke(main, [*words, "parquet"]).exit_code == 0
    assert (tmp_path / name / "_manifest.json").exists()
