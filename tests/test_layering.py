"""The layout of the package: layers (see pyproject.toml), owners, and the size of what is read."""

import ast
import re
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "inventory"
SOURCES = sorted(PACKAGE.rglob("*.py"))
MODULES = [
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    for path in SOURCES
    if path.stem not in ("__init__", "__main__")
]
MAX_MODULE_LINES, MAX_FUNCTION_LINES = 280, 50


# --- imports --------------------------------------------------------------------------------

# One fork for each module, from a process that has imported the libraries.
IMPORT_EACH_ALONE = """
import os, sys
import alembic.command, click, msgspec, psycopg, requests, rich.table, sqlalchemy.orm, urllib3
import sqlalchemy.dialects.postgresql.psycopg, sqlalchemy.dialects.sqlite.pysqlite
assert not any(name.partition(".")[0] == "inventory" for name in sys.modules)
for module in sys.argv[1:]:
    child = os.fork()
    if not child:
        try:
            __import__(module)
        except BaseException as error:
            print(module, repr(error))
            sys.stdout.flush()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status == 0
"""


def test_each_module_is_imported_alone_without_a_warning() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", IMPORT_EACH_ALONE, *MODULES],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len(MODULES) > 50


def test_every_module_imports_only_from_below() -> None:
    # import-linter sets up logging for its process, so it gets one of its own.
    lint = "import sys; from importlinter.cli import lint_imports as lint; "
    lint += "sys.exit(lint(sys.argv[1], no_cache=True))"
    settings = PACKAGE.parent / "pyproject.toml"
    done = subprocess.run([sys.executable, "-c", lint, settings], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout.decode()


# --- owners and sizes -----------------------------------------------------------------------

LIMIT = re.compile(r"\b(never|no|not|nothing|nor|only|without)\b")


def test_every_package_says_what_it_owns_and_what_it_never_does() -> None:
    docstrings = {
        name(path): ast.get_docstring(ast.parse(path.read_text())) or ""
        for path in SOURCES
        if path.name == "__init__.py"
    }
    assert len(docstrings) > 8
    unclear = [
        path
        for path, docstring in docstrings.items()
        if len(docstring.split()) < 8 or not LIMIT.search(docstring)
    ]
    assert not unclear, "\n".join(unclear)


def test_no_module_is_longer_than_280_lines() -> None:
    lengths = {name(path): len(path.read_text().splitlines()) for path in SOURCES}
    too_long = [f"{path}: {lines}" for path, lines in lengths.items() if lines > MAX_MODULE_LINES]
    assert not too_long, "\n".join(too_long)


def test_no_function_is_longer_than_50_lines() -> None:
    too_long = [
        f"{name(path)}:{node.lineno} {node.name}: {lines}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or 0) - node.lineno + 1) > MAX_FUNCTION_LINES
    ]
    assert not too_long, "\n".join(too_long)


def name(path: Path) -> str:
    return str(path.relative_to(PACKAGE.parent))
