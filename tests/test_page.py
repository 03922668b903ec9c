"""The page in a browser: Debian's Chromium with Selenium. Skipped where they are not installed."""

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

webdriver = pytest.importorskip("selenium.webdriver", reason="Selenium is not installed: the page is not tested")
for package in ("fastapi", "uvicorn", "prometheus_client", "py3langid"):
    pytest.importorskip(package, reason=f"{package} is not installed: the page is not tested")

from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")


@pytest.fixture(scope="module")
def back(exported, tmp_path_factory) -> Path:
    """The same export, said to translate the other way round."""
    folder = tmp_path_factory.mktemp("back") / "export"
    shutil.copytree(exported / "exports" / "ctranslate2", folder)
    description = json.loads((folder / "export.json").read_text(encoding="utf-8"))
    description["config"] |= {"source": "en", "target": "pt"}
    del description["sha256"]  # the change is meant
    (folder / "export.json").write_text(json.dumps(description), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def address(exported, back, quick_regressor):
    """A server of two directions and of a regressor."""
    command = [sys.executable, "-m", "fmkeras.serve", "--run", exported, back, quick_regressor, "--port", "0"]
    server = subprocess.Popen(list(map(str, command)), cwd=ROOT, stdout=subprocess.PIPE, text=True)
    lines = [server.stdout.readline() for _ in range(4)]
    yield lines[-1].split()[0]
    server.terminate()
    assert server.wait(300) == 0


@pytest.fixture(scope="module")
def browser():
    if not (CHROMIUM and DRIVER):
        pytest.skip("Chromium and its driver are not installed: the page is not tested")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def page(browser, address):
    """The page, loaded anew."""
    browser.set_window_size(1100, 1000)
    browser.get(address)
    WebDriverWait(browser, 30).until(lambda b: b.find_elements(By.CSS_SELECTOR, "#source option"))
    return browser


def find(page, selector: str):
    return page.find_element(By.CSS_SELECTOR, selector)


def until(page, condition):
    WebDriverWait(page, 30).until(lambda _: condition())


def type_and_wait(page, text: str, expected: str) -> None:
    find(page, "#input").send_keys(text)
    until(page, lambda: find(page, "#output").text == expected)


def test_it_translates_while_one_types(page):
    find(page, "#input").send_keys("um dois")
    until(page, lambda: find(page, "#output").text.startswith("one two"))
    type_and_wait(page, " três", "one two three")
    alternatives = [item.text for item in page.find_elements(By.CSS_SELECTOR, "#alternatives li")]
    assert len(alternatives) == 4 and alternatives[0].startswith("one two three -0.0")
    assert find(page, "#count").text == "12 of 5,000 characters" and find(page, "#output").get_attribute("lang") == "en"


def test_a_word_shows_what_it_was_written_from(page):
    type_and_wait(page, "um dois três", "one two three")
    until(page, lambda: len(page.find_elements(By.CSS_SELECTOR, "#lines ul:last-of-type button")) == 3)
    every = len(page.find_elements(By.CSS_SELECTOR, "#lines path"))
    two = page.find_elements(By.CSS_SELECTOR, "#lines ul:last-of-type button")[1]
    ActionChains(page).move_to_element(two).perform()
    lit = [element.text for element in page.find_elements(By.CSS_SELECTOR, "#lines .lit")]
    assert "dois" in lit and "two" in lit and 0 < len(page.find_elements(By.CSS_SELECTOR, "#lines path")) < every
    assert two.get_attribute("aria-label").startswith("two, from dois")
    ActionChains(page).move_to_element(find(page, "h1")).perform()
    two.send_keys(Keys.SHIFT)  # focus by keyboard does the same
    assert "dois" in [element.text for element in page.find_elements(By.CSS_SELECTOR, "#lines .lit")]
    ActionChains(page).move_to_element(page.find_elements(By.CSS_SELECTOR, "#lines ul:first-of-type span")[2]).perform()
    lit = [element.text for element in page.find_elements(By.CSS_SELECTOR, "#lines .lit")]
    assert "três" in lit and "three" in lit  # from the text's side, too


def test_the_languages_swap_and_the_translation_becomes_the_text(page):
    names = [option.text for option in page.find_elements(By.CSS_SELECTOR, "#source option")]
    assert names == ["Detect", "English", "Portuguese"]
    type_and_wait(page, "um dois três", "one two three")
    find(page, "#swap").click()
    chosen = [find(page, f"#{side}").get_property("value") for side in ("source", "target")]
    assert chosen == ["en", "pt"] and find(page, "#input").get_property("value") == "one two three"
    until(page, lambda: find(page, "#output").get_attribute("lang") == "pt")
    find(page, "#source").send_keys("Detect")
    until(page, lambda: find(page, "#source").get_property("value") == "auto")
    assert not find(page, "#swap").is_enabled()
    assert find(page, "#swap").get_attribute("title") == "Not swapped: the language is detected"
    assert [option.text for option in page.find_elements(By.CSS_SELECTOR, "#target option")] == [
        "Portuguese",
        "English",
    ]


def test_dark_and_light(page):
    theme = page.execute_script("return document.documentElement.dataset.theme")
    colour = page.execute_script("return getComputedStyle(document.body).backgroundColor")
    find(page, "#theme").click()
    assert page.execute_script("return document.documentElement.dataset.theme") != theme
    assert page.execute_script("return getComputedStyle(document.body).backgroundColor") != colour


def test_errors_are_shown(page):
    find(page, "#input").send_keys("um")
    page.execute_script("document.getElementById('input').value = 'a'.repeat(6000); wait()")
    until(page, lambda: "exceeds text limit" in find(page, "#status").text)


def test_a_price_and_what_moved_it(page):
    find(page, "#tab-price").click()
    assert not find(page, "#text").is_displayed()
    rooms = find(page, "input[name=rooms]")
    rooms.clear()
    rooms.send_keys("5", Keys.ENTER)
    until(page, lambda: page.find_elements(By.CSS_SELECTOR, ".price"))
    assert "of 100 such houses cost" in find(page, "#result").text
    rows = [row.text.split()[0] for row in page.find_elements(By.CSS_SELECTOR, "#result tbody tr")]
    assert "rooms" in rows


def test_a_number_may_have_a_decimal_comma(page):
    find(page, "#tab-price").click()
    prices = []
    for typed in ("3.5", "3,5"):
        rooms = find(page, "input[name=rooms]")
        rooms.clear()
        rooms.send_keys(typed, Keys.ENTER)
        until(page, lambda typed=typed: typed.replace(",", ".") in find(page, "#result").text)
        prices.append(find(page, ".price").text)
        page.execute_script("document.querySelector('#result').replaceChildren()")
    assert prices[0] == prices[1]


@pytest.mark.parametrize("width", [360, 1100])
def test_nothing_is_wider_than_the_screen(page, width):
    page.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    )
    find(page, "#input").send_keys("um dois três quatro cinco seis sete oito")
    until(page, lambda: len(page.find_elements(By.CSS_SELECTOR, "#lines path")) > 6)
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    find(page, "#tab-price").click()
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_the_browser_complains_of_nothing(page):
    """No violation of the policy, no error of the script."""
    page.get_log("browser")
    page.refresh()
    WebDriverWait(page, 30).until(lambda b: b.find_elements(By.CSS_SELECTOR, "#source option"))
    type_and_wait(page, "um dois três", "one two three")
    assert [entry for entry in page.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []


def axe() -> str:
    """axe-core, which Deque Systems keeps, from a Python package that brings it."""
    found = importlib.util.find_spec("axe_playwright_python")
    if not found:
        pytest.skip("axe-playwright-python is not installed: accessibility is not checked")
    (path,) = Path(found.origin).parent.rglob("axe.min.js")
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_accessibility(page, theme):
    """No violation of WCAG 2.1, A and AA."""
    type_and_wait(page, "um dois três", "one two three")
    page.execute_script(f"setTheme('{theme}')")
    page.execute_script(axe())
    page.set_script_timeout(300)
    run = "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']}).then(arguments[0])"
    for tab in ("#tab-text", "#tab-price"):
        find(page, tab).click()
        found = page.execute_async_script(run)
        assert len(found["passes"]) > 8
        assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found["violations"]] == []
