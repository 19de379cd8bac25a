"""A plain script on DuckDB, as a fast peer: one wide table with history, and nothing else.

`duckdb_script.py FILE` reads the list and closes and opens versions of what differs. No secret is
masked, no key guarded, no health judged, and nobody else can read the file meanwhile. It needs
`pip install duckdb`, which the tests do not.
"""

import sys
from datetime import UTC, datetime
from tempfile import NamedTemporaryFile

import duckdb
from msgspec import Raw
from walk import pages

CREATION = """
create table if not exists connectors_history
  (connector_id varchar, item json, valid_from timestamptz, valid_to timestamptz)"""
# The connect card differs in each response; the times of syncs are compared as all else.
READ = """
create temporary table listed as
select json_extract_string(json, '$.id') as connector_id,
       json_merge_patch(json, '{"connect_card": null}') as item
from read_ndjson_objects($file)"""
CLOSE = """
update connectors_history as h set valid_to = $now where valid_to is null and not exists
  (from listed l where l.connector_id = h.connector_id and l.item = h.item)"""
OPEN = """
insert into connectors_history select l.connector_id, l.item, $now, null from listed l
anti join (from connectors_history where valid_to is null) h using (connector_id)"""

with NamedTemporaryFile("wb") as file, duckdb.connect(sys.argv[1]) as connection:
    count = 0
    for page in pages(Raw):
        file.writelines(bytes(item) + b"\n" for item in page)
        count += len(page)
    file.flush()
    now = datetime.now(UTC)
    connection.execute(CREATION)
    connection.begin()
    connection.execute(READ, {"file": file.name})
    connection.execute(CLOSE, {"now": now})
    connection.execute(OPEN, {"now": now})
    connection.commit()
sys.stdout.write(f"{count}\n")
