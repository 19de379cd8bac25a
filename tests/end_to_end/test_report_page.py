"""The report in a browser: nothing is loaded, nothing fails, and a person can use it.

The browser is Debian's Chromium. Playwright's own would be downloaded; this one is updated with the
system.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from click.testing import CliRunner
from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy import text
from support.builders import DAY, KEY, SECRET, T0, Account, FakeClock, api_settings, connect, item
from support.four_days import stop_clock

from inventory.cli import main
from inventory.demo.fake_api import FakeApi
from inventory.health import SEVERITIES
from inventory.sync.run import sync

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium: install the package chromium to run these tests"
)

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "</title></style></textarea><!--",
    "javascript:alert(1)",
    "\x1b[31mred \u202egnp.exe",
)
WIDTHS = (1400, 400)
PAPER = 703  # the width of A4 without its margins, in pixels


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # A sandbox needs rights that root in a container does not have.
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield chromium
        chromium.close()


def write_report(url: str, folder: Path, *words: str) -> Path:
    file = folder / "report.html"
    environment = {"INVENTORY_DATABASE_URL": url}
    result = CliRunner().invoke(main, ["report", "--output", str(file), *words], env=environment)
    assert result.exit_code == 0, result.output
    return file


@pytest.fixture(scope="module")
def demo_report(demo_file: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(demo_file, tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def hostile_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an account whose names would be scripts, if they were not text."""
    folder = tmp_path_factory.mktemp("hostile")
    account, url = Account(), f"sqlite:///{folder / 'inventory.db'}"
    account.account_name = HOSTILE[0]
    account.lists = {
        "groups": [{"id": name, "name": name} for name in HOSTILE[:3]],
        "users": [{"id": "user_one", "given_name": HOSTILE[0], "email": HOSTILE[1]}],
    }
    broken = {"setup_state": "broken", "tasks": [{"code": HOSTILE[1], "message": HOSTILE[0]}]}
    account.connectors = [
        item(
            f"c{number}",
            schema=name,
            service=name,
            group_id=HOSTILE[number % 3],
            status=broken if number % 2 else {"schema_status": f"blocked_{name}"},
        )
        for number, name in enumerate(HOSTILE)
    ]
    with FakeApi(account, key=KEY, secret=SECRET) as api:
        clock = FakeClock()
        for _ in range(2):
            sync(connect(url), api_settings(api), clock=clock)
            clock.pass_a_day()
            account.connectors[0]["schema"] += HOSTILE[1]
    stop_clock(connect(url), T0 + DAY)
    return write_report(url, folder, "--days", "366")


@pytest.fixture(scope="module")
def long_report(demo_file: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A year of the demo, with a destination whose long name can be broken nowhere."""
    folder = tmp_path_factory.mktemp("long")
    shutil.copy(demo_file.removeprefix("sqlite:///"), folder / "inventory.db")
    url = f"sqlite:///{folder / 'inventory.db'}"
    name = "prod_eu_west_1_snowflake_analytics_warehouse_finance_shared"
    with connect(url).begin() as connection:
        connection.execute(text(f"update groups set group_name = '{name}'"))
        connection.execute(
            text("update connectors set schema_name = 'Zoë' where connector_id = 'hazy_kite'")
        )
    return write_report(url, folder, "--days", "366")


@pytest.fixture(scope="module")
def empty_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("empty")
    url = f"sqlite:///{folder / 'inventory.db'}"
    environment = {"INVENTORY_DATABASE_URL": url}
    assert CliRunner().invoke(main, ["db", "upgrade"], env=environment).exit_code == 0
    return write_report(url, folder, "--days", "1")


class Opened:
    """A page, and whatever it did that it should not do."""

    def __init__(self, browser: Browser, file: Path, **options: Any) -> None:
        self.context = browser.new_context(offline=True, **options)
        self.faults: list[str] = []
        self.page = self.context.new_page()
        self.page.on("console", lambda message: self.faults.append(message.text))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("dialog", self._refuse)
        self.page.on("request", lambda request: self._note(request.url))
        self.address = file.as_uri()
        self.page.goto(self.address)

    def _refuse(self, dialog: Any) -> None:
        self.faults.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def _note(self, url: str) -> None:
        if url != self.address:
            self.faults.append(f"request {url}")


@pytest.fixture
def opened(browser: Browser, demo_report: Path) -> Iterator[Opened]:
    yield from _open(browser, demo_report)


@pytest.fixture
def hostile(browser: Browser, hostile_report: Path) -> Iterator[Opened]:
    yield from _open(browser, hostile_report)


def _open(browser: Browser, file: Path) -> Iterator[Opened]:
    found = Opened(browser, file)
    yield found
    found.context.close()
    assert found.faults == []


def shown_ids(page: Page, table: str = "#connectors") -> list[str]:
    """The ids of the rows that are visible, in order."""
    rows = page.locator(f"{table} tbody tr:has(code)")
    ids = "rows.filter(row => row.offsetParent).map(row => row.querySelector('code').textContent)"
    found: list[str] = rows.evaluate_all(f"rows => {ids}")
    return found


# --- safety ---------------------------------------------------------------------------------


def test_names_stay_text(hostile: Opened) -> None:
    page = hostile.page
    names = page.locator("#connectors tbody th").all_inner_texts()
    for number, name in enumerate(HOSTILE[1:-1], 1):
        assert f"{name} c{number}" in names
    assert f"\\x1b[31mred \\u202egnp.exe c{len(HOSTILE) - 1}" in names
    assert f"{HOSTILE[0]}{HOSTILE[1]} c0" in names
    assert page.locator("img, script:not(:last-of-type), [onmouseover], [onload]").count() == 0
    page.locator("#connectors tbody tr").first.hover()
    page.get_by_role("combobox", name="Service").select_option(HOSTILE[1])
    page.get_by_text("1 of 8 connectors", exact=True).wait_for()
    assert shown_ids(page) == ["c1"]


def test_links_lead_to_the_vendor_only(hostile: Opened) -> None:
    links = hostile.page.locator("a:not([href^='#'])")
    targets = links.evaluate_all("links => links.map(link => link.href)")
    assert sorted({*targets}) == [
        f"https://fivetran.com/dashboard/connections/c{number}/status" for number in range(8)
    ]


def test_policy_refuses_scripts_that_are_not_ours(browser: Browser, demo_report: Path) -> None:
    opened = Opened(browser, demo_report)
    opened.page.evaluate(
        "const script = document.createElement('script'); script.textContent = 'window.ran = 1';"
        "document.body.append(script)"
    )
    assert opened.page.evaluate("window.ran === undefined")
    opened.context.close()
    [fault] = opened.faults
    assert "Content Security Policy" in fault


# --- use ------------------------------------------------------------------------------------


def test_search_and_filters_limit_all_tables(opened: Opened) -> None:
    page = opened.page
    everyone = shown_ids(page)
    assert len(everyone) == 31
    assert page.get_by_text("31 of 31 connectors").is_visible()
    page.get_by_role("searchbox", name="Search").fill("hazy KITE")
    page.get_by_text("1 of 31 connectors", exact=True).wait_for()
    assert shown_ids(page) == shown_ids(page, "#down table") == ["hazy_kite"]
    page.get_by_role("searchbox", name="Search").fill("")
    page.get_by_text("31 of 31 connectors", exact=True).wait_for()
    page.get_by_role("combobox", name="Destination").select_option("Sales")
    page.get_by_role("combobox", name="Health").select_option("healthy")
    page.get_by_role("combobox", name="Owner").select_option("finance-data")
    page.get_by_text("1 of 31 connectors", exact=True).wait_for()
    assert shown_ids(page) == ["brisk_falcon"]
    page.get_by_role("button", name="Show all").click()
    page.get_by_text("31 of 31 connectors", exact=True).wait_for()
    # One without the tag is of who created it.
    page.get_by_role("combobox", name="Destination").select_option("Marketing")
    page.get_by_role("combobox", name="Owner").select_option("Dana Analyst")
    page.get_by_text("1 of 31 connectors", exact=True).wait_for()
    assert shown_ids(page) == ["lucid_garnet"]
    assert shown_ids(page, "#down table") == []
    page.get_by_role("button", name="Show all").click()
    page.get_by_text("31 of 31 connectors").wait_for()
    assert shown_ids(page) == everyone


def test_tables_are_sorted_by_keyboard(opened: Opened) -> None:
    page = opened.page
    head = page.locator("#connectors th", has_text="Up")
    head.get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    shares = page.locator("#connectors tbody td:nth-child(4)").all_inner_texts()
    numbers = [float(share.removesuffix(" %")) for share in shares]
    assert numbers == sorted(numbers) != sorted(numbers, reverse=True)
    page.keyboard.press("Space")
    assert head.get_attribute("aria-sort") == "descending"
    shares = page.locator("#connectors tbody td:nth-child(4)").all_inner_texts()
    assert [float(share.removesuffix(" %")) for share in shares] == numbers[::-1]
    other = page.locator("#connectors th", has_text="Connector")
    other.get_by_role("button").click()
    assert (head.get_attribute("aria-sort"), other.get_attribute("aria-sort")) == (
        None,
        "ascending",
    )
    names = page.locator("#connectors tbody th").all_inner_texts()
    assert names == sorted(names)


def test_what_is_filtered_is_said_also_in_print(opened: Opened) -> None:
    page = opened.page
    only = page.get_by_text("Only connectors that match:")
    assert only.is_hidden()
    page.get_by_role("combobox", name="Destination").select_option("Sales")
    page.get_by_role("searchbox", name="Search").fill("falcon")
    page.get_by_text("Only connectors that match: search “falcon”, destination Sales").wait_for()
    assert "(2 of 31)" in only.inner_text()
    page.emulate_media(media="print")
    assert only.is_visible()
    page.emulate_media(media="screen")
    page.get_by_role("searchbox", name="Search").fill("nobody")
    page.get_by_text(
        "No connector matches: search “nobody”, destination Sales (0 of 31)"
    ).wait_for()
    note = "getComputedStyle(document.querySelector('#down .scroll'), '::after').content"
    assert page.evaluate(note) == '"No row of this table matches."'
    page.get_by_role("button", name="Show all").click()
    page.get_by_text("31 of 31 connectors").wait_for()
    assert page.locator("#only-matches").is_hidden()
    assert page.evaluate(note) == "none"


def test_outages_show_no_destination_without_a_match(opened: Opened) -> None:
    page = opened.page
    headings = page.locator("#outages tr.group th")
    assert headings.count() > 1
    connector_id = page.locator("#outages tr[data-c] code").first.inner_text()
    page.get_by_role("searchbox", name="Search").fill(connector_id)
    page.get_by_text("1 of 31 connectors", exact=True).wait_for()
    assert [each.is_visible() for each in headings.all()].count(True) == 1
    assert headings.first.is_visible()
    page.get_by_role("button", name="Show all").click()
    page.get_by_text("31 of 31 connectors").wait_for()
    assert all(each.is_visible() for each in headings.all())


def test_search_ignores_accents(browser: Browser, long_report: Path) -> None:
    opened = Opened(browser, long_report)
    for word in ("zoe", "ZOË", "Zoe\u0308"):
        opened.page.get_by_role("searchbox", name="Search").fill(word)
        opened.page.get_by_text("1 of 31 connectors", exact=True).wait_for()
        assert len(shown_ids(opened.page)) == 1
        opened.page.get_by_role("button", name="Show all").click()
        opened.page.get_by_text("31 of 31 connectors").wait_for()
    opened.context.close()


def test_health_is_sorted_by_severity_and_show_all_restores_the_order(opened: Opened) -> None:
    page = opened.page
    before = shown_ids(page)
    for number in (1, 2):
        page.get_by_role("button", name="Health", exact=True).last.click()
        cells = page.locator("#connectors td.h").all_inner_texts()
        severities = [SEVERITIES[health] for health in cells]
        assert severities == sorted(severities, reverse=number == 1)
    assert len({*severities}) > 2
    page.get_by_role("button", name="Show all").click()
    page.locator("th[aria-sort]").first.wait_for(state="detached")
    assert shown_ids(page) == before


def test_shares_are_aligned_below_their_head(opened: Opened) -> None:
    aligned = "cells => cells.map(cell => getComputedStyle(cell).textAlign)"
    place = opened.page.locator("#connectors th", has_text="Up").evaluate("head => head.cellIndex")
    column = opened.page.locator(f"#connectors tr > :nth-child({place + 1})")
    assert {*column.evaluate_all(aligned)} == {"right"}


def test_arrows_of_sorted_columns_are_not_read_out(opened: Opened) -> None:
    buttons = opened.page.get_by_role("button", name="Connector", exact=True)
    assert (
        buttons.count()
        == opened.page.locator("th button", has_text="Connector")
        .filter(has_not_text="Connectors")
        .count()
    )
    buttons.last.click()
    arrow = "getComputedStyle(document.querySelector('th[aria-sort] button'), '::after').content"
    assert opened.page.evaluate(arrow) == '"↑" / ""'


def test_every_control_and_wide_table_is_reached_by_tab(opened: Opened) -> None:
    page, controls = opened.page, ":is(a, button, input, select, summary, .scroll)"
    for _ in range(page.locator(controls).count()):
        page.keyboard.press("Tab")
        page.evaluate("document.activeElement.dataset.reached = true")
    assert page.locator(f"{controls}:not([data-reached])").count() == 0
    assert page.locator(f"{controls}[data-reached]").count() > 50


def test_without_script_the_page_shows_everything(browser: Browser, demo_report: Path) -> None:
    opened = Opened(browser, demo_report, java_script_enabled=False)
    assert opened.page.locator("#filters").is_hidden()
    assert opened.page.locator("#connectors tbody tr").count() == 31
    assert opened.page.locator("#connectors tbody svg").first.is_visible()
    opened.context.close()
    assert opened.faults == []


@pytest.mark.parametrize("width", WIDTHS)
def test_page_is_not_wider_than_the_window(
    browser: Browser, demo_report: Path, hostile_report: Path, width: int
) -> None:
    for file in (demo_report, hostile_report):
        opened = Opened(browser, file, viewport={"width": width, "height": 900})
        assert opened.page.evaluate("document.documentElement.scrollWidth") == width
        opened.page.get_by_role("searchbox", name="Search").fill("x" * 300)
        opened.page.get_by_text("No connector matches").wait_for()
        assert opened.page.evaluate("document.documentElement.scrollWidth") == width
        opened.context.close()


def test_strip_ends_in_view_beside_the_name(
    browser: Browser, demo_report: Path, long_report: Path
) -> None:
    for file, width in ((demo_report, 400), (long_report, 400), (long_report, 1400)):
        opened = Opened(browser, file, viewport={"width": width, "height": 900})
        strip, name = (
            opened.page.locator(f"#connectors tbody tr:first-child {part}").bounding_box()
            for part in ("td > svg", "th")
        )
        assert strip
        assert name
        assert 0 <= name["x"] < name["x"] + name["width"] < width / 2
        assert name["x"] + name["width"] < strip["x"] + strip["width"] <= width
        opened.context.close()


def test_paper_cuts_no_column_off(browser: Browser, long_report: Path) -> None:
    opened = Opened(browser, long_report, viewport={"width": PAPER, "height": 900})
    opened.page.emulate_media(media="print")
    assert opened.page.evaluate("document.documentElement.scrollWidth") == PAPER
    assert opened.page.get_by_text("2025-10-30 to 2026-10-30", exact=True).is_visible()
    reasons = opened.page.locator("#down td.long").all()
    assert reasons
    assert all((box := each.bounding_box()) and box["width"] > 100 for each in reasons)
    strip, drawn = (
        opened.page.locator(f"#connectors tbody tr:first-child td > svg{part}").evaluate(
            "drawn => drawn.getBoundingClientRect().toJSON()"
        )
        for part in ("", " path.seen")
    )
    assert strip["left"] <= drawn["left"] < drawn["right"] <= strip["right"] + 1
    opened.context.close()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_is_accessible(browser: Browser, demo_report: Path, width: int, scheme: Any) -> None:
    viewport = {"width": width, "height": 900}
    opened = Opened(browser, demo_report, viewport=viewport, color_scheme=scheme)
    found = Axe().run(opened.page)
    background = opened.page.evaluate("getComputedStyle(document.body).backgroundColor")
    opened.context.close()
    assert found.response["violations"] == [], found.generate_report()
    assert (background == "rgb(255, 255, 255)") == (scheme == "light")


def test_in_print_all_is_open_and_dark_on_white(browser: Browser, demo_report: Path) -> None:
    opened = Opened(browser, demo_report, color_scheme="dark")
    page = opened.page
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = false")
    assert page.get_by_text("reads the same source as dapper_dune").is_hidden()
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert page.locator("#filters").is_hidden()
    assert page.get_by_text("reads the same source as dapper_dune").is_visible()
    pdf = page.pdf(format="A4")
    opened.context.close()
    assert pdf.startswith(b"%PDF")


# --- an empty database ----------------------------------------------------------------------


def test_page_of_an_empty_database(browser: Browser, empty_report: Path) -> None:
    opened = Opened(browser, empty_report)
    page = opened.page
    for head in page.locator("#connectors th").all():
        head.click()
        for button in head.get_by_role("button").all():
            button.click()
    assert page.locator("#filters").is_hidden()
    words = page.locator("body").inner_text()
    assert words.lower().count("no run has completed yet") == 1
    assert "Outages in 1 day: 0" in words
    for wrong in ("1 days", "these 1", "No connector is down", "Nothing else needs attention"):
        assert wrong not in words
    first = "getComputedStyle(document.querySelector('.lead span'), '::before').content"
    assert page.evaluate(first) == "none"
    assert not Axe().run(page).response["violations"]
    opened.context.close()
    assert opened.faults == []
