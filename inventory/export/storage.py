"""A folder, or a prefix in an object store, that an export writes files into."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from inventory import redaction
from inventory.errors import (
    ConfigurationError,
    HostError,
    RetryableError,
    StorageUnavailableError,
)

if TYPE_CHECKING:
    import pyarrow.fs as pafs

# Where the libraries look for secrets: none of them is ever printed.
_SECRETS = (
    *("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    *("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_SAS_TOKEN", "AZURE_CLIENT_SECRET"),
)
_SCHEMES = ("file", "s3", "gs", "az")
_UNSAFE = re.compile(r"[^A-Za-z0-9_.=/-]")


@dataclass(frozen=True)
class Storage:
    """`url` names it to the user, in the bookmarks and to Delta; `root` to the file system."""

    url: str
    root: str
    files: "pafs.FileSystem"
    is_local: bool

    def path(self, *parts: str) -> str:
        return "/".join((self.root, *parts))

    @contextmanager
    def writing(self, path: str) -> "Iterator[Any]":
        """Open a file that appears under its name when it is complete.

        A local file is written beside it and renamed; an object appears when its upload ends.
        """
        with _translated(self):
            if not self.is_local:
                with self.files.open_output_stream(self.path(path)) as stream:
                    yield stream
                return
            target = self.path(path)
            folder, name = os.path.split(target)
            os.makedirs(folder, exist_ok=True)
            beside = os.path.join(folder, f".{name}.new")
            try:
                with open(beside, "wb") as file:
                    yield file
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(beside, target)
            except BaseException:
                with suppress(OSError):
                    os.unlink(beside)
                raise

    def read(self, path: str) -> bytes | None:
        """Return the content of a file; None = there is none."""
        with _translated(self):
            try:
                with self.files.open_input_stream(self.path(path)) as stream:
                    content: bytes = stream.read()
                    return content
            except FileNotFoundError:
                return None

    @contextmanager
    def reading(self, path: str) -> "Iterator[Any]":
        """Open a file for random access."""
        with _translated(self), self.files.open_input_file(self.path(path)) as file:
            yield file

    def size(self, path: str) -> int:
        with _translated(self):
            size: int = self.files.get_file_info(self.path(path)).size
            return size

    def names(self, folder: str) -> list[str]:
        """Return the files below a folder, as paths from the root; none if it does not exist."""
        from pyarrow.fs import FileSelector, FileType

        selector = FileSelector(self.path(folder), allow_not_found=True, recursive=True)
        with _translated(self):
            found = self.files.get_file_info(selector)
        start = len(self.root) + 1
        return [each.path[start:] for each in found if each.type == FileType.File]

    def folders(self, paths: Iterable[str]) -> list[str]:
        """Return those that are folders, or prefixes of objects."""
        from pyarrow.fs import FileType

        asked = list(paths)
        with _translated(self):
            found = self.files.get_file_info([self.path(path) for path in asked])
        return [
            path for path, each in zip(asked, found, strict=True) if each.type == FileType.Directory
        ]

    def delete(self, path: str) -> None:
        """Delete a file; it may be gone already."""
        with _translated(self), suppress(FileNotFoundError):
            self.files.delete_file(self.path(path))

    def delta_options(self) -> dict[str, str]:
        """Return what deltalake does not read from the environment by itself."""
        endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
        return {"allow_http": "true"} if endpoint.startswith("http://") else {}


def safe(name: str) -> str | None:
    """Return a name that no storage and no engine has to encode; None = this one is none."""
    return None if not name or _UNSAFE.search(name) or "/" in name or name.startswith(".") else name


def open_storage(url: str, environment: Mapping[str, str] = os.environ) -> Storage:
    """Open a folder, or `s3://`, `gs://` or `az://` with a bucket (a container) and a prefix.

    Contacts no server yet. Raises ConfigurationError for another URL.
    """
    redaction.hide(*(environment.get(name) for name in _SECRETS))
    scheme, separator, rest = url.partition("://")
    if not separator:
        return _folder(url)
    if scheme not in _SCHEMES:
        raise ConfigurationError(
            f"{scheme}:// cannot be exported to. Pass a folder, or a URL with s3://, gs:// or az://."
        )
    parts = urlsplit(url)
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigurationError(
            "The URL of an export is stored and printed, so it takes neither credentials nor "
            "options. Pass those in the variables of the environment that the README of the "
            "export names."
        )
    if scheme == "file":
        return _folder(parts.path)
    root = rest.strip("/")
    if not root:
        raise ConfigurationError(
            f"{scheme}:// names no bucket. Pass for example {scheme}://lake/inventory."
        )
    return Storage(f"{scheme}://{root}", root, _object_store(scheme, environment), is_local=False)


def _folder(path: str) -> Storage:
    from pyarrow.fs import LocalFileSystem

    if not path or "\0" in path:
        raise ConfigurationError("The folder to export to has no name. Pass a path or a URL.")
    root = os.path.abspath(path)
    return Storage(root, root.rstrip("/"), LocalFileSystem(), is_local=True)


def _object_store(scheme: str, environment: Mapping[str, str]) -> "pafs.FileSystem":
    from pyarrow import fs

    if scheme == "s3":
        return fs.S3FileSystem(retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=8))
    if scheme == "gs":
        return fs.GcsFileSystem()
    account = environment.get("AZURE_STORAGE_ACCOUNT_NAME")
    if not account:
        raise ConfigurationError("az:// needs AZURE_STORAGE_ACCOUNT_NAME in the environment.")
    return fs.AzureFileSystem(
        account_name=account,
        account_key=environment.get("AZURE_STORAGE_ACCOUNT_KEY"),
        sas_token=environment.get("AZURE_STORAGE_SAS_TOKEN"),
    )


@contextmanager
def _translated(storage: Storage) -> Iterator[None]:
    """Translate the errors of a file system: what may pass, and what must be set right first."""
    from pyarrow import ArrowException

    try:
        yield
    except (OSError, ArrowException) as error:
        raise failure(storage, error) from error


_TO_SET_RIGHT = re.compile(
    "ACCESS_DENIED|NO_SUCH_BUCKET|INVALID_ACCESS_KEY|SIGNATURE_DOES_NOT_MATCH"
    "|INVALID_CLIENT_TOKEN|HTTP status (301|40[0134])|Permission denied|AuthorizationFailure"
    "|AuthenticationFailed|Bucket .* not found|ContainerNotFound|does not have .* access",
    re.I,
)


_OS_ERROR = re.compile(r"\(os error (\d+)\)")


def failure(storage: Storage, error: Exception) -> RetryableError | ConfigurationError:
    """Return the error that tells a user what a storage said."""
    from inventory.db.errors import PATH_ERRORS

    number = getattr(error, "errno", None)
    reason = " ".join((getattr(error, "strerror", None) or str(error)).split())
    if number is None and (told := _OS_ERROR.search(reason)):  # as deltalake says it
        number = int(told[1])
        reason = os.strerror(number) if storage.is_local else reason
    if storage.is_local and number is not None:
        if number in PATH_ERRORS:
            return ConfigurationError(
                f"{storage.url} cannot be exported to: {reason}. Pass another folder."
            )
        return HostError(
            f"{storage.url} could not be written: {reason}. Nothing that was exported before is "
            "lost; run it again."
        )
    if _TO_SET_RIGHT.search(reason):
        return ConfigurationError(
            f"{storage.url} refuses the export: {reason[:500]}. Check the bucket, the credentials "
            "and the region in the environment."
        )
    return StorageUnavailableError(
        f"{storage.url} is not available: {reason[:500]}. Nothing that was exported before is "
        "lost; the next export continues."
    )
