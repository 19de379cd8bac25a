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
from support.builders import DAY, KEY, SECRET, T0, Account, FakeClock, api_settings, connect, item
from support.four_days import stop_clock

from inventory.cli import main
from inventory.demo.fake_api import FakeApi
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
    page.get_by_role("combobox", name="Owner").select_option("Dana Analyst")
    page.get_by_text("1 of 31 connectors", exact=True).wait_for()
    assert shown_ids(page) == ["eager_falcon"]
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
