"""How a user wants to see rows."""

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from inventory.output.screen import Screen

# "spreadsheet" is CSV that is safe to open in a spreadsheet program.
Format = Literal["table", "json", "csv", "spreadsheet"]


class Output(NamedTuple):
    """A format of rows. `wide`: a table has whole rows on a terminal, too."""

    format: Format = "table"
    wide: bool = False
    pager: bool = True

    @property
    def is_table(self) -> bool:
        return self.format == "table"

    def screen(self) -> "Screen":
        """Return what a table is drawn for: stdout as it is now."""
        from inventory.output import screen

        return screen.of_stdout(wide=self.wide)
