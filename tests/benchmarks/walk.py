"""The list of the API from its first page to its last, with as little around it as there can be."""

import os
from collections.abc import Iterator
from typing import Any

import msgspec
import requests

PER_PAGE = 1000


def pages(kind: Any) -> Iterator[list[Any]]:
    """Yield the items of each page, decoded as `kind`."""
    data = msgspec.defstruct("Data", [("items", list[kind]), ("next_cursor", str | None, None)])
    decoder = msgspec.json.Decoder(msgspec.defstruct("Page", [("data", data)]))
    session = requests.Session()
    session.trust_env = False
    session.auth = (os.environ["FIVETRAN_API_KEY"], os.environ["FIVETRAN_API_SECRET"])
    session.headers["Accept-Encoding"] = "gzip"
    params = {"limit": str(PER_PAGE)}
    while True:
        url = f"{os.environ['FIVETRAN_API_URL']}/v1/connectors"
        with session.get(url, params=params, stream=True) as response:
            response.raise_for_status()
            page = decoder.decode(response.raw.read(decode_content=True)).data
        yield page.items
        if page.next_cursor is None:
            return
        params["cursor"] = page.next_cursor
