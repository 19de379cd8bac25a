"""The least that a run must do which finds nothing new: read every item, tell it from any other."""

import sys
from hashlib import blake2b

from msgspec import Raw, Struct, json
from walk import pages


class Named(Struct):
    id: str


named = json.Decoder(Named)
digests = {
    named.decode(item).id: blake2b(item, digest_size=16).digest()
    for page in pages(Raw)
    for item in page
}
sys.stdout.write(f"{len(digests)}\n")
