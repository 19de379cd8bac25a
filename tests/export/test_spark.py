"""Apache Spark reads the Parquet export as the README says, and answers as the database does.

Spark is large, so it is installed elsewhere: set INVENTORY_TEST_SPARK to the Python that has it
(see the extra `spark` in pyproject.toml, and .ci/run). INVENTORY_TEST_SPARK_DATABASE names a
database of any size that is exported and asked about its outages, instead of the demo's.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, make_url
from support.builders import connect
from support.lake_pages import AVAILABILITY, plain, questions, run_snippet, snippets
from support.older_release import export_by_two_releases

from inventory.export.run import export
from inventory.queries.sql import run_query

SPARK = os.environ.get("INVENTORY_TEST_SPARK")
DATABASE = os.environ.get("INVENTORY_TEST_SPARK_DATABASE")
QUESTIONS = questions()
# Open outages become longer between the export and the question.
OUTAGES = QUESTIONS[6].sql.replace("from incidents", "from incidents where ended_at is not null")
VERSIONS = "select count(*) from connector_status_history"
OLD_FILES = "select count(*) from incidents where tier is not null and ended_at is not null"
ASK = """
def written(value):
    return value.isoformat() + "+00:00" if hasattr(value, "hour") else value

spark.sparkContext.setLogLevel("ERROR")
for sql in json.loads(input()):
    rows = [[written(value) for value in row] for row in spark.sql(sql).collect()]
    print(json.dumps(rows, default=float))
"""
Answers = list[Any]
pytestmark = pytest.mark.skipif(not SPARK, reason="INVENTORY_TEST_SPARK names no Python with Spark")


def ask(folder: Path, *queries: str) -> tuple[str, Answers]:
    """Return what the README's snippets print in Spark, and the answers to queries."""
    [manifest, *_], [spark] = snippets(), [each for each in snippets() if each.is_for_spark]
    arguments = "--master local[2] --conf spark.ui.enabled=false --driver-memory 2g pyspark-shell"
    done = subprocess.run(
        [str(SPARK), "-c", manifest.code + spark.code + ASK],
        cwd=folder,
        env=os.environ
        | {"PYSPARK_SUBMIT_ARGS": arguments, "SPARK_LOCAL_IP": "127.0.0.1", "TZ": "UTC"},
        input=json.dumps(queries) + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines(keepends=True)
    assert len(lines) == 2 + len(queries)
    return lines[1], [plain(json.loads(line)) for line in lines[2:]]


def copied(original: Path, file: Path) -> Engine:
    shutil.copyfile(original, file)
    return connect(f"sqlite:///{file}")


@pytest.mark.skipif(bool(DATABASE), reason="INVENTORY_TEST_SPARK_DATABASE is asked instead")
def test_spark_answers_as_the_database(
    demo_file: str, sqlite_template: Path, tmp_path: Path
) -> None:
    engine = copied(Path(str(make_url(demo_file).database)), tmp_path / "inventory.db")
    export_by_two_releases(engine, tmp_path / "lake", "parquet")
    export(copied(sqlite_template, tmp_path / "empty.db"), str(tmp_path / "empty"))
    [without_rows] = (tmp_path / "empty" / "incidents").rglob("*.parquet")
    from_no_row = f"select count(minutes) from parquet.`{without_rows}`"
    of_all = [question.sql for question in QUESTIONS.values()]
    printed, [old_files, none, *answers] = ask(tmp_path, OLD_FILES, from_no_row, *of_all)
    assert [printed] == [each.shown for each in snippets() if each.is_for_spark]
    assert old_files == none == [(0,)]
    in_duckdb: dict[str, Any] = {}
    for snippet in snippets()[:2]:
        run_snippet(snippet.code, in_duckdb, tmp_path)
    for number, (sql, answer) in enumerate(zip(of_all, answers, strict=True), 1):
        assert len(answer) > 0
        if number == AVAILABILITY:
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(tmp_path)
                assert answer == plain(in_duckdb["lake"].sql(sql).fetchall())
        else:
            assert answer == plain(run_query(engine, sql).rows)


@pytest.mark.skipif(not DATABASE, reason="INVENTORY_TEST_SPARK_DATABASE names no database")
def test_spark_counts_the_outages_of_a_large_database(tmp_path: Path) -> None:
    engine = connect(str(DATABASE))
    export_by_two_releases(engine, tmp_path / "lake", "parquet")
    _, answers = ask(tmp_path, VERSIONS, OUTAGES)
    assert answers == [plain(run_query(engine, sql).rows) for sql in (VERSIONS, OUTAGES)]
