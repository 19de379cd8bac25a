"""Killed or failed anywhere, an export has done all or nothing, and the next one completes it.

Exports are attacked at system calls on the files of the target and on the way to the database, and
killed at statements and commits. `--thorough` attacks each call.
"""

import errno
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from support import lake
from support.builders import DAY
from support.effort import KINDS, Effort, few_of
from support.interposer import Attack, Ended, Fate, Kind, Runs, compiled
from support.killed import at_each_point, is_killed, make_forks_quick, say
from support.lake import FORMATS
from support.lake_world import BEGINS, LAST, LakeWorld

from inventory.db import export_bookmarks
from inventory.db.engine import transaction

COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
NEEDS_COMPILER = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler (cc)")
MODULES = (
    *("pyarrow.compute", "pyarrow.csv", "pyarrow.fs", "pyarrow.parquet", "deltalake"),
    *("inventory.cli.export", "inventory.export.run", "inventory.export.delta"),
    "inventory.output.rows",
)


# --- what becomes of a call -----------------------------------------------------------------


class Blow(NamedTuple):
    fate: Fate
    error: int = 0
    lasts: bool = False


BEFORE, AFTER = Blow(Fate.KILLED_BEFORE), Blow(Fate.KILLED_AFTER)
HALF, SHORT = Blow(Fate.KILLED_HALFWAY), Blow(Fate.SHORT)


def fails(number: int, *, lasts: bool = False) -> Blow:
    return Blow(Fate.FAILS, number, lasts)


KILLS = {
    Kind.WRITE: (HALF,),
    Kind.CUT: (AFTER, BEFORE),
    Kind.CREATE: (BEFORE, AFTER),
    Kind.FLUSH: (BEFORE, AFTER),
}
FAILURES = {
    Kind.WRITE: (fails(errno.ENOSPC, lasts=True), fails(errno.EIO), SHORT, fails(errno.EDQUOT)),
    Kind.CUT: (fails(errno.EACCES), fails(errno.EIO), fails(errno.ENOSPC, lasts=True)),
    Kind.CREATE: (fails(errno.EACCES), fails(errno.ENOSPC), fails(errno.EROFS, lasts=True)),
    Kind.FLUSH: (fails(errno.EIO), fails(errno.ENOSPC, lasts=True)),
    Kind.READ: (fails(errno.EIO, lasts=True), fails(errno.EACCES), SHORT, fails(errno.EIO)),
}
SIGNALS = {
    kind: (Blow(Fate.SIGNALLED, signal.SIGTERM), Blow(Fate.SIGNALLED, signal.SIGINT))
    for kind in (Kind.WRITE, Kind.READ)
}
ON_THE_WAY = {
    Kind.SEND: (BEFORE, fails(errno.ECONNRESET), AFTER, HALF),
    Kind.RECEIVE: (AFTER, fails(errno.ECONNRESET, lasts=True), BEFORE, HALF),
}
# Reads do not differ much, and each table makes the same ones.
EVERY = {Kind.READ: 7}


def attacks(
    blows: dict[Kind, tuple[Blow, ...]], calls: dict[Kind, int], *, tried: Effort, shift: int
) -> Iterator[Attack]:
    """Spread the blows over the calls; where few are tried, over one of each kind.

    Of kills, what is created or flushed is left out then; the last write and the last change of a
    name are not: they are part of a commit.
    """
    for place, (kind, of) in enumerate(blows.items()):
        if not (number := calls[kind]):
            continue
        if kind is Kind.READ:  # threads read sometimes more, sometimes less
            number -= number // 10
        few = {1 + (number - 1) * (1 + (place + shift) % 3) // 3}
        if blows is KILLS:
            few = {*few, number} if kind in (Kind.WRITE, Kind.CUT) else set()
        everything = range(1, number + 1, EVERY.get(kind, 1))
        for step, at in enumerate(tried.some(everything, sorted(few))):
            yield Attack(kind, at, *of[(step + shift) % len(of)])


# --- exports that are attacked --------------------------------------------------------------


class Situation(NamedTuple):
    """What an export finds, and the words that it is given."""

    prepare: Callable[[LakeWorld, str], object]
    words: tuple[str, ...] = ()


def an_empty_folder(world: LakeWorld, output_format: str) -> None:
    shutil.rmtree(world.target(output_format))


def two_exports(world: LakeWorld, output_format: str) -> None:
    """What `lived` has left: the target holds all but the last days."""


def a_prune(world: LakeWorld, output_format: str) -> None:
    """Of what is settled, the target holds a part for good; it has to rewrite files."""
    with transaction(world.engine) as connection:
        export_bookmarks.mark_pruned(connection, BEGINS + 9.5 * DAY, last_run=6)


SITUATIONS = {
    "first": Situation(an_empty_folder),
    "increment": Situation(two_exports),
    "full": Situation(a_prune, ("--full",)),
}


class Trial:
    """An export that has been done undisturbed once, and is attacked again and again."""

    def __init__(self, world: LakeWorld, output_format: str, situation: Situation) -> None:
        self.world, self._format = world, output_format
        self.words = (
            *("export", str(world.target(output_format)), "--format", output_format, "--quiet"),
            *situation.words,
        )
        self._prepare = lambda: situation.prepare(world, output_format)
        self.set_back()
        self._before = world.seen(output_format)
        self._after = world.rows()

    def export(self) -> None:
        self.world.export(self._format, full="--full" in self.words)

    def set_back(self) -> None:
        self.world.set_back()
        self._prepare()

    def is_done(self) -> None:
        """The target holds what the database holds, no more and no less."""
        seen = self.world.seen(self._format)
        for name, rows in seen.items():
            assert not rows - self._after[name], f"{name} has a row too many"
        assert seen == self._after
        if self._format == "parquet":
            self._nothing_is_left_over()

    def _nothing_is_left_over(self) -> None:
        assert files_below(self.world.target(self._format)) == self._named()

    def _named(self) -> set[str]:
        manifest = lake.manifest(self.world.target(self._format))
        files = [each for table in manifest["tables"].values() for each in table["files"]]
        return {"_manifest.json", *(each["path"] for each in files + manifest["superseded"])}

    def nothing_is_half_written(self) -> None:
        files = files_below(self.world.target(self._format))
        assert [file for file in files if not file.endswith((".parquet", ".json"))] == []

    def is_before_or_after(self) -> None:
        """A reader sees an export or the one before it; of Delta, table by table."""
        seen = self.world.seen(self._format)
        if self._format == "parquet":
            assert seen in (self._before, self._after)
        for name, rows in seen.items():
            assert rows in (self._before.get(name), self._after[name]), name
        assert self._before.keys() <= seen.keys()

    def is_completed(self) -> None:
        """The next export leaves what an undisturbed one leaves."""
        self.world.export(self._format)
        self.is_done()
        target = str(self.world.target(self._format))
        mine = [each for each in self.world.bookmarks() if each["target"] == target]
        assert {each["run_id"] for each in mine} == {LAST}


def files_below(folder: Path) -> set[str]:
    return {str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()}


class AttackedCalls:
    """Attacks system calls of a trial."""

    def __init__(self, trial: Trial, runs: Runs) -> None:
        self._trial, self._runs = trial, runs
        ended = self._run()
        assert (ended.code, ended.stderr) == (0, "")
        trial.is_done()
        self.calls = ended.calls

    def _run(self, attack: Attack | None = None) -> Ended:
        world = self._trial.world
        self._trial.set_back()
        return self._runs.run(
            *self._trial.words, home=world.home, environment=world.environment, attack=attack
        )

    def suffer(self, attack: Attack) -> bool:
        """Say whether it came as far as the call."""
        say(f"{' '.join(self._trial.words)}: {attack}")
        ended = self._run(attack)
        say(ended.stderr)
        assert_documented(ended, attack)
        self._trial.is_before_or_after()
        if attack.fate is Fate.SIGNALLED:
            self._trial.nothing_is_half_written()
        if ended.code == 0:
            self._trial.is_done()
        self._trial.is_completed()
        return ended.calls[attack.kind] >= attack.at

    def suffer_all(self, of: Iterator[Attack]) -> None:
        came = [self.suffer(attack) for attack in of]
        assert sum(came) > 0.8 * len(came) > 0


def assert_documented(ended: Ended, attack: Attack) -> None:
    """A kill leaves no word; what fails ends in one line that says what to do, and no traceback."""
    if attack.kills:
        assert (ended.code, ended.stderr) in ((-9, ""), (0, ""))
        assert ended.code == 0 or ended.calls[attack.kind] >= attack.at
        return
    if ended.code == 0:
        assert ended.stderr == ""
        return
    assert not attack.is_harmless
    assert ended.code in (1, 2)
    assert ended.stderr.startswith("Error: ")
    assert ended.stderr.count("\n") == 1
    assert "bug" not in ended.stderr
    assert "bucket" not in ended.stderr
    if attack.fate is Fate.SIGNALLED:
        assert (ended.code, ended.stderr) == (1, "Error: Interrupted.\n")
    elif attack.kind in FAILURES:
        assert os.strerror(attack.error) in ended.stderr


# --- the world ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    folder = tmp_path_factory.mktemp("runs")
    assert COMPILER
    father = Runs(compiled(COMPILER, folder), folder, *MODULES)
    yield father
    father.close()


# A kind of database, a format and a situation.
COMBINATIONS = [(kind, each, name) for name in SITUATIONS for each in FORMATS for kind in KINDS]
BLOWS = {"killed": KILLS, "failing": FAILURES, "interrupted": SIGNALS}
IN_BRIEF = [
    ("killed", "sqlite", "parquet", "increment"),
    ("killed", "postgresql", "delta", "increment"),
    ("failing", "sqlite", "delta", "increment"),
    ("failing", "postgresql", "parquet", "full"),
    ("interrupted", "sqlite", "delta", "first"),
]


@NEEDS_COMPILER
@pytest.mark.parametrize(
    ("fate", "kind", "output_format", "name"),
    few_of([(fate, *each) for fate in BLOWS for each in COMBINATIONS], IN_BRIEF),
)
def test_export_whose_file_operations_are_attacked_is_completed_by_the_next(
    fate: str,
    kind: str,
    output_format: str,
    name: str,
    worlds: Callable[[str], LakeWorld],
    runs: Runs,
    tried: Effort,
) -> None:
    attacked = AttackedCalls(Trial(worlds(kind), output_format, SITUATIONS[name]), runs)
    shift = COMBINATIONS.index((kind, output_format, name))
    attacked.suffer_all(attacks(BLOWS[fate], attacked.calls, tried=tried, shift=shift))


@NEEDS_COMPILER
@pytest.mark.parametrize("name", few_of([*SITUATIONS], ["increment"]))
@pytest.mark.parametrize("output_format", few_of(FORMATS, ["parquet"]))
def test_export_whose_connection_is_attacked_is_completed_by_the_next(
    output_format: str,
    name: str,
    worlds: Callable[[str], LakeWorld],
    runs: Runs,
    tried: Effort,
) -> None:
    trial = Trial(worlds("postgresql"), output_format, SITUATIONS[name])
    attacked = AttackedCalls(trial, runs)
    shift = [*SITUATIONS].index(name)
    attacked.suffer_all(attacks(ON_THE_WAY, attacked.calls, tried=tried, shift=shift))


@pytest.mark.parametrize(
    ("kind", "output_format", "name"), few_of(COMBINATIONS, [("sqlite", "parquet", "increment")])
)
def test_export_that_is_killed_at_a_statement_is_completed_by_the_next(
    kind: str, output_format: str, name: str, worlds: Callable[[str], LakeWorld], tried: Effort
) -> None:
    make_forks_quick(*MODULES)
    trial = Trial(worlds(kind), output_format, SITUATIONS[name])
    places = points(trial)
    commits = [point for point, place in enumerate(places) if place == "after commit"]
    assert len(commits) == 2  # the bookmarks, before and after
    for point in tried.some(range(len(places)), [len(places) // 2, commits[-1] - 1, commits[-1]]):
        trial.set_back()
        assert is_killed(trial.world.environment, *trial.words, at=point)
        trial.is_before_or_after()
        trial.is_completed()


def points(trial: Trial) -> list[str]:
    """Return what an undisturbed export comes past: statements, and around commits."""
    trial.set_back()
    places: list[str] = []
    with at_each_point(lambda _, place: places.append(place)):
        trial.export()
    trial.is_done()
    return places
