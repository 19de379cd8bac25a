"""An ordinary run tries the same few each time; a thorough one all, or a share of all."""

import pytest
from support.effort import THOROUGH, Effort, few_of

pytest_plugins = ["pytester"]

ALL = range(200)


def test_ordinary_run_tries_the_few() -> None:
    ordinary = Effort(0)
    assert (ordinary.number(4, 100), ordinary.step(6)) == (4, 6)
    assert ordinary.some(ALL, [7, 9]) == [7, 9]


def test_thorough_run_tries_all() -> None:
    thorough = Effort(1)
    assert (thorough.number(4, 100), thorough.step(6)) == (100, 1)
    assert thorough.some(ALL, [7, 9]) == list(ALL)


def test_what_is_chosen_goes_by_the_seed() -> None:
    first, beside, later = (Effort(0.1, seed).some(ALL, [7, 9]) for seed in ("a", "a", "b"))
    assert first == beside == sorted(first)
    assert first != later
    assert len(first) == 20


@pytest.mark.parametrize("share", [0.001, 0.3])
def test_share_is_never_less_than_an_ordinary_run(share: float) -> None:
    tried = Effort(share)
    assert tried.number(4, 100) >= 4
    assert tried.step(6) <= 6
    assert len(tried.some(ALL, [7, 9])) >= 2
    assert tried.some([1], [7, 9]) == [1]


SUITE = """
    import pytest

    @pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
    @pytest.mark.parametrize("given", ["a-b", object(), 3])
    def test_case(kind, given): ...

    def test_without_any(): ...

    @pytest.mark.parametrize("kind", ["sqlite"])
    def test_one(kind): ...

    @pytest.mark.thorough
    @pytest.mark.parametrize("given", range(6))
    def test_long(given): ...
"""


CONFTEST = """
    from support.effort import add_options as pytest_addoption, deselect

    def pytest_collection_modifyitems(config, items):
        deselect(config, items)
"""


def test_case_is_tried_on_one_kind_of_database_in_turn(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(test_suite=SUITE)

    def tried(*words: str) -> list[str]:
        passed = pytester.inline_run("-p", "no:cacheprovider", *words).listoutcomes()[0]
        return [report.nodeid.partition("::test_")[2] for report in passed]

    others = ["without_any", "one[sqlite]"]
    assert tried() == ["case[a-b-postgresql]", "case[given1-sqlite]", "case[3-postgresql]", *others]
    other_turn = ["case[a-b-sqlite]", "case[given1-postgresql]", "case[3-sqlite]", *others]
    every_second = ["long[0]", "long[2]", "long[4]"]
    assert tried("--thorough", "--share", "0.25") == [*other_turn, *every_second]
    assert len(tried("--thorough")) == 14


def test_what_is_not_among_the_few_is_marked() -> None:
    assert few_of(["a", "b"], ["b"]) == [pytest.param("a", marks=THOROUGH), "b"]
    assert few_of([("a", 1), ("b", 2)], [("b", 2)])[0] == pytest.param("a", 1, marks=THOROUGH)
