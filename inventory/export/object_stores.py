"""The object stores of S3, Google Cloud Storage and Azure, as the environment describes them.

Two libraries reach each of them: pyarrow for files, and deltalake for the log of Delta tables. What
one of them does not read from the environment, or waits for too long, is set here, alike for both.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from inventory import redaction
from inventory.errors import ConfigurationError

if TYPE_CHECKING:
    import pyarrow.fs as pafs

SCHEMES = ("s3", "gs", "az")

# Where the libraries look for secrets: none of them is ever printed.
_SECRETS = (
    *("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    *("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_SAS_TOKEN", "AZURE_CLIENT_SECRET"),
    *("AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_KEY", "GOOGLE_SERVICE_ACCOUNT_KEY"),
)

# A request that fails is tried so often, with waits from 0.05 s on that double: 25 s in all. An
# export that starts from cron meets a short outage; a long one is for the next export.
_ATTEMPTS = 10
_RETRIED_FOR = 60  # seconds, where the libraries count these instead
_CONNECT_TIMEOUT, _REQUEST_TIMEOUT = 5, 20  # seconds; many stores answer more slowly than AWS


def hide_secrets(environment: Mapping[str, str]) -> None:
    """Have what the libraries take from the environment removed from all output."""
    redaction.hide(*(environment.get(name) for name in _SECRETS))
    # Azure's token is a query, of which the signature is the secret; its parts get another order.
    for name in ("AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_SAS_KEY"):
        redaction.hide(*parse_qs(environment.get(name, "").lstrip("?")).get("sig", []))


def file_system(scheme: str, environment: Mapping[str, str]) -> "pafs.FileSystem":
    """Return the store as a file system. Contacts no server."""
    from pyarrow import fs

    if scheme == "s3":
        return fs.S3FileSystem(
            endpoint_override=_s3_endpoint(environment),  # it does not read the variable
            # A small file is one request then, instead of three.
            allow_delayed_open=True,
            background_writes=False,  # or what a slow store has not taken yet fills the memory
            connect_timeout=_CONNECT_TIMEOUT,
            request_timeout=_REQUEST_TIMEOUT,
            # Its waits are not random, so a store that is down is given up after a known time.
            retry_strategy=fs.AwsDefaultS3RetryStrategy(max_attempts=_attempts(environment)),
        )
    if scheme == "gs":
        return fs.GcsFileSystem(retry_time_limit=timedelta(seconds=_RETRIED_FOR))
    account = environment.get("AZURE_STORAGE_ACCOUNT_NAME")
    if not account:
        raise ConfigurationError("az:// needs AZURE_STORAGE_ACCOUNT_NAME in the environment.")
    key, token = (environment.get(f"AZURE_STORAGE_{name}") for name in ("ACCOUNT_KEY", "SAS_TOKEN"))
    if key or not token:
        return fs.AzureFileSystem(account_name=account, account_key=key or None)
    # It is put behind the URL as it is.
    return fs.AzureFileSystem(account_name=account, sas_token=f"?{token.removeprefix('?')}")


def delta_options(scheme: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the options of deltalake; all else it reads from the environment by itself."""
    options = {
        "max_retries": str(_attempts(environment)),
        "retry_timeout": f"{_RETRIED_FOR}s",
        "connect_timeout": f"{_CONNECT_TIMEOUT}s",
        "timeout": f"{_REQUEST_TIMEOUT}s",
    }
    endpoint = _s3_endpoint(environment) if scheme == "s3" else None
    if endpoint:
        options["aws_endpoint_url"] = endpoint
        if endpoint.startswith("http:"):
            options["allow_http"] = "true"
    return options


def _s3_endpoint(environment: Mapping[str, str]) -> str | None:
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"):
        endpoint = environment.get(name)
        if endpoint:
            if not endpoint.startswith(("http://", "https://")):
                raise ConfigurationError(
                    f"{name} is not a URL with http:// or https://. Correct it, as in "
                    "https://minio.example.com:9000."
                )
            redaction.hide(*re.findall("//[^/@]*:([^/@]+)@", endpoint))
            return endpoint.rstrip("/")
    return None


def _attempts(environment: Mapping[str, str]) -> int:
    """Return how often a request is tried again; the variable is that of the vendor's tools."""
    said = environment.get("AWS_MAX_ATTEMPTS", "")
    return min(int(said), _ATTEMPTS) if said.isascii() and said.isdigit() else _ATTEMPTS
