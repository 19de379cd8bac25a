"""A folder, or a prefix in an object store, that an export writes files into."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from inventory.errors import ConfigurationError, NeedsAttentionError
from inventory.export import object_stores
from inventory.export.storage_errors import failure, says_no_reason

if TYPE_CHECKING:
    import pyarrow.fs as pafs

_UNSAFE = re.compile(r"[^A-Za-z0-9_.=-]")


@dataclass(frozen=True)
class Storage:
    """`url` names it to the user, in the bookmarks and to Delta; `root` to the file system."""

    url: str
    root: str
    files: "pafs.FileSystem"
    is_local: bool
    delta_options: dict[str, str]

    def path(self, *parts: str) -> str:
        return "/".join((self.root, *parts))

    def create(self) -> None:
        """Create the folder, if there is none; a bucket must exist."""
        if self.is_local:
            with self._translated():
                os.makedirs(self.url, exist_ok=True)

    @contextmanager
    def writing(self, path: str) -> "Iterator[Any]":
        """Open a file that appears under its name when it is complete.

        A local file is written beside it and renamed. An object appears when its upload ends; of
        an upload that is broken off, what was sent appears, too, so nobody may rely on its name.
        """
        opened = _renamed(self.path(path)) if self.is_local else self._uploaded(path)
        with self._translated(), opened as file:
            yield file

    @contextmanager
    def _uploaded(self, path: str) -> "Iterator[Any]":
        stream = self.files.open_output_stream(self.path(path))
        try:
            yield stream
        except BaseException as error:
            # There is no way to abort it; unclosed, it closes itself, and complains on stderr.
            with suppress(Exception):
                stream.close()
                if not isinstance(error, OSError):  # then the store still answers
                    self.files.delete_file(self.path(path))
            raise
        stream.close()

    def replace(self, path: str, content: bytes) -> None:
        """Write a file that holds either all of this or what it held before."""
        if self.is_local:
            with self.writing(path) as file:
                file.write(content)
            return
        beside = f"{path}.new"
        with self.writing(beside) as stream:
            stream.write(content)
        with self._translated():
            self.files.copy_file(self.path(beside), self.path(path))
        self.delete(beside)

    def read(self, path: str) -> bytes | None:
        """Return the content of a file; None = there is none."""
        with self._translated():
            try:
                with self.files.open_input_stream(self.path(path)) as stream:
                    content: bytes = stream.read()
                    return content
            except FileNotFoundError:
                return None
            except OSError as error:
                if not self.is_local and says_no_reason(error):
                    self.names(path)  # which says it
                raise

    @contextmanager
    def reading(self, path: str) -> "Iterator[Any]":
        """Open a Parquet file that an export wrote, for random access."""
        from pyarrow import ArrowException

        with self._translated():
            try:
                with self.files.open_input_file(self.path(path)) as file:
                    yield file
            except (FileNotFoundError, ArrowException) as error:
                raise NeedsAttentionError(
                    f"{self.url}/{path} is missing or damaged; an export wrote it, and nobody else "
                    "may change it. Restore it, or export to another URL."
                ) from error

    def size(self, path: str) -> int:
        with self._translated():
            size: int = self.files.get_file_info(self.path(path)).size
            return size

    def names(self, folder: str) -> list[str]:
        """Return the files below a folder, as paths from the root; none if it does not exist."""
        from pyarrow.fs import FileSelector, FileType

        selector = FileSelector(self.path(folder), allow_not_found=True, recursive=True)
        with self._translated():
            found = self.files.get_file_info(selector)
        start = len(self.root) + 1
        return [each.path[start:] for each in found if each.type == FileType.File]

    def folders(self, paths: Iterable[str]) -> list[str]:
        """Return those that are folders, or prefixes of objects."""
        from pyarrow.fs import FileType

        asked = list(paths)
        with self._translated():
            found = self.files.get_file_info([self.path(path) for path in asked])
        return [
            path for path, each in zip(asked, found, strict=True) if each.type == FileType.Directory
        ]

    def delete(self, path: str) -> None:
        """Delete a file; it may be gone already."""
        with self._translated(), suppress(FileNotFoundError):
            self.files.delete_file(self.path(path))

    @contextmanager
    def _translated(self) -> Iterator[None]:
        from pyarrow import ArrowException

        try:
            yield
        except (OSError, ArrowException) as error:
            # Each of its other kinds has a subclass, as of a row that cannot be parsed.
            if isinstance(error, OSError) or type(error) is ArrowException:
                raise failure(self.url, error, is_local=self.is_local) from error
            raise


@contextmanager
def _renamed(target: str) -> Iterator[Any]:
    """Open a local file that gets its name when it is complete."""
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


def is_safe(name: str) -> bool:
    """Say whether no storage and no engine has to encode a name of a folder or a file."""
    return bool(name) and not _UNSAFE.search(name) and not name.startswith(".")


def open_storage(url: str, environment: Mapping[str, str] = os.environ) -> Storage:
    """Open a folder, or `s3://`, `gs://` or `az://` with a bucket (a container) and a prefix.

    Contacts no server yet. Raises ConfigurationError for another URL.
    """
    object_stores.hide_secrets(environment)
    scheme, separator, rest = url.partition("://")
    scheme = scheme.lower()
    if not separator:
        return _folder(url)
    if scheme == "file":
        return _folder(_path_of(rest))
    if scheme not in object_stores.SCHEMES:
        raise ConfigurationError(
            "Only a folder, or a URL with s3://, gs:// or az:// can be exported to."
        )
    root = _object_prefix(scheme, rest)
    return Storage(
        f"{scheme}://{root}",
        root,
        object_stores.file_system(scheme, environment),
        is_local=False,
        delta_options=object_stores.delta_options(scheme, environment),
    )


def _object_prefix(scheme: str, rest: str) -> str:
    """Return a bucket and a prefix, in the one spelling that all engines read alike.

    The message does not quote them, as they may contain a password.
    """
    if any(sign in rest for sign in "@?#"):
        raise ConfigurationError(
            "The URL of an export is stored and printed, so it takes neither credentials nor "
            "options. Pass those in the variables of the environment that the README of the "
            "export names."
        )
    parts = [part for part in rest.split("/") if part]
    if not parts:
        raise ConfigurationError(
            f"{scheme}:// names no bucket. Pass for example {scheme}://lake/inventory."
        )
    if any(_UNSAFE.search(part) or part in (".", "..") for part in parts):
        raise ConfigurationError(
            "A bucket and a prefix to export to may contain letters, digits, '-', '_', '.' and "
            "'=': engines read all else in different ways. Pass another URL."
        )
    return "/".join(parts)


def _path_of(rest: str) -> str:
    """Return the path in a URL with file://."""
    host, _, path = rest.partition("/")
    if host not in ("", "localhost") or any(sign in rest for sign in "?#"):
        raise ConfigurationError(
            "A URL with file:// has three slashes, a path and nothing else, as in "
            "file:///srv/lake. Pass that, or just the path."
        )
    return f"/{unquote(path)}"


def _folder(path: str) -> Storage:
    from pyarrow.fs import LocalFileSystem

    if not path or "\0" in path:
        raise ConfigurationError("The folder to export to has no name. Pass a path or a URL.")
    if re.match("(s3a?|gs|gcs|az|abfss?|file):", path, re.I):
        raise ConfigurationError("A URL to export to has two slashes, as in s3://lake/inventory.")
    # However it is spelled or linked to, it is one target, with one lock.
    root = os.path.realpath(os.path.expanduser(path))
    return Storage(root, root.rstrip("/"), LocalFileSystem(), is_local=True, delta_options={})
