"""An object store that speaks S3, on localhost, and fails as a test asks it to."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from socket import SHUT_RDWR
from threading import Lock, Thread
from typing import Any, NamedTuple

import boto3
import pytest
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

KEY = "AKIAINVENTORY0EXPORT"
SECRET = "s3cr3t/with+signs==0123456789abcdefgh"
TOKEN = "t0ken/of+a==session+0123456789"
REGION = "eu-central-1"
BUCKET = "lake"


class Call(NamedTuple):
    """A request to the store."""

    method: str
    path: str
    query: str


class Refusal(NamedTuple):
    """What the store answers instead, as S3 does; without a status it breaks the connection.

    `is_late`: it has done by then what it was asked to.
    """

    status: str | None
    code: str = ""
    message: str = ""
    is_late: bool = False

    @property
    def body(self) -> bytes:
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<Error><Code>{self.code}</Code><Message>{self.message}</Message>"
            "<RequestId>4442587FB7D0A2F9</RequestId></Error>"
        ).encode()


INTERNAL_ERROR = Refusal("500 Internal Server Error", "InternalError", "We had an error.")
SLOW_DOWN = Refusal("503 Slow Down", "SlowDown", "Please reduce your request rate.")
BROKEN = Refusal(None)
LOST = Refusal(None, is_late=True)  # it did what was asked, and nobody heard of it


class ObjectStore:
    """`intercept` is asked with the number of each request, from 0; None = it is served.

    `calls` are the requests since the last `forget`.
    """

    def __init__(self) -> None:
        self._app = DomainDispatcherApplication(create_backend_app)
        self.intercept: Callable[[int, Call], Refusal | None] = lambda number, call: None
        self.calls: list[Call] = []
        self.url = ""
        self._one_at_a_time = Lock()

    def __call__(self, environment: dict[str, Any], start: Any) -> Iterable[bytes]:
        names = ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING")
        call = Call(*(environment[name] for name in names))
        with self._one_at_a_time:
            self.calls.append(call)
            refusal = self.intercept(len(self.calls) - 1, call)
        if refusal is None:
            answer: Iterable[bytes] = self._app(environment, start)
            return answer
        if refusal.is_late:
            b"".join(self._app(environment, lambda *_: None))
        else:
            environment["wsgi.input"].read(int(environment.get("CONTENT_LENGTH") or 0))
        if refusal.status is None:
            environment["werkzeug.socket"].shutdown(SHUT_RDWR)
            raise ConnectionResetError
        body = b"" if call.method == "HEAD" else refusal.body
        headers = [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))]
        start(refusal.status, headers)
        return [body]

    def forget(self) -> None:
        """Serve everything again, and count from 0."""
        self.intercept = lambda number, call: None
        self.calls = []


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"  # as object stores do, connections are kept

    def log(self, *_: Any) -> None:
        pass


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    store = ObjectStore()
    server = make_server("127.0.0.1", 0, store, threaded=True, request_handler=_Quiet)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    store.url = f"http://127.0.0.1:{server.server_port}"
    where = {"LocationConstraint": REGION}
    _client(store).create_bucket(Bucket=BUCKET, CreateBucketConfiguration=where)
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def use(store: ObjectStore, patch: pytest.MonkeyPatch) -> None:
    """Set the variables of a user of this store, and no others."""
    patch.setenv("AWS_ENDPOINT_URL", store.url)
    patch.setenv("AWS_ACCESS_KEY_ID", KEY)
    patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    patch.setenv("AWS_SESSION_TOKEN", TOKEN)
    patch.setenv("AWS_REGION", REGION)


def content(store: ObjectStore, path: str) -> bytes:
    """Return an object, by none of the libraries that are tested."""
    whole: bytes = _client(store).get_object(Bucket=BUCKET, Key=path)["Body"].read()
    return whole


def put(store: ObjectStore, path: str, body: bytes) -> None:
    _client(store).put_object(Bucket=BUCKET, Key=path, Body=body)


@cache
def _client(store: ObjectStore) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=store.url,
        region_name=REGION,
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
    )
