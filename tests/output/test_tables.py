"""How tables give way to the width of a terminal, whatever is in them."""

from hypothesis import given
from hypothesis import strategies as st
from wcwidth import wcswidth

from inventory.output import columns, tables
from inventory.output.screen import Screen, Symbols

SYMBOLS = Symbols("…", "→", "░▒▓█", "·")
TEXTS = st.text(st.sampled_from("ab_- é日本語データ🚀🗾"), min_size=1, max_size=90)
IDS = st.from_regex(r"[a-z]{3,8}_[a-z]{3,8}|[a-f]{32}", fullmatch=True)
TABLES = (
    *(columns.STATUS, columns.CHANGES, columns.INCIDENTS, columns.FINDINGS, columns.AT),
    columns.TIMELINE,
)


def screen(width: int) -> Screen:
    return Screen(
        is_terminal=True, width=width, height=24, fits_rows=True, has_colors=False, symbols=SYMBOLS
    )


@given(st.data(), st.sampled_from(TABLES), st.integers(60, 200))
def test_a_row_is_one_line_that_fits_and_has_the_whole_id(
    data: st.DataObject, table: tuple[tables.Column, ...], width: int
) -> None:
    short = {"connector_id": IDS, "health": st.just("destination_broken")}
    rows = data.draw(
        st.lists(
            st.tuples(
                *(
                    short.get(column.name, st.just("12 min") if column.least is None else TEXTS)
                    for column in table
                )
            ),
            max_size=6,
        )
    )
    head, *lines = tables.draw(table, rows, screen(width))
    assert len(lines) == len(rows)
    assert all(wcswidth(line) <= width for line in [head, *lines])
    names = [column.name for column in table]
    for name in {"connector_id", "health"} & set(names):
        for line, row in zip(lines, rows, strict=True):
            assert row[names.index(name)] in line.split()


@given(st.lists(st.tuples(TEXTS, st.text("xy", min_size=30, max_size=300)), max_size=4))
def test_even_an_id_gives_way_if_it_is_longer_than_a_line(rows: list[tuple[str, str]]) -> None:
    table = (tables.Column("name", 1, least=16), tables.Column("connector_id"))
    for line in tables.draw(table, rows, screen(60)):
        assert wcswidth(line) <= 60


def test_message_of_a_few_rows_has_room_though_most_have_none() -> None:
    well, failed = ["-"] * 15, ["-"] * 14 + ["The API answered 503 three times"]
    lines = [*tables.draw(columns.RUNS, [*[well] * 9, failed], screen(80))]
    assert "The API answered 5" in lines[-1]


def test_columns_go_by_importance() -> None:
    """At 60 columns there is no room for name, owner, service and group; at 110 for all."""
    row = ("failing", "5 d", "hazy_kite", "s3_teal_helpdesk")
    row += ("Ada", "Amazon S3", "Support", "late " * 20)

    def heads(width: int) -> list[str]:
        return next(tables.draw(columns.STATUS, [row], screen(width))).split()

    assert heads(60) == ["health", "since", "connector_id", "reason"]
    assert heads(80) == ["health", "since", "connector_id", "schema_name", "reason"]
    assert heads(85) == ["health", "since", "connector_id", "schema_name", "owner", "reason"]
    assert heads(110) == [column.name for column in columns.STATUS]


def test_less_important_column_never_takes_room_from_one_that_is_cut() -> None:
    connector_id = "b03308d3-ae24-490c-2ab9-04dd6e353503"
    row = ("Oct 30 03:00", connector_id, "s3_teal_helpdesk", "health  healthy → failing")
    head, line = tables.draw(columns.CHANGES, [row], screen(60))
    assert head.split() == ["connector_id", "change"]
    assert line == f"{connector_id}  health  healthy → fai…"
