"""The page as people use it, in Chromium without a head."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.server.conftest import HOSTILE, Place, beside

from isthmus.server.settings import PAGE
from isthmus.space import Space
from isthmus.tasks import Store

pytestmark = pytest.mark.browser

DROP = """([data, name, type]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const carried = new DataTransfer();
  carried.items.add(new File([bytes], name, { type }));
  for (const kind of ["dragenter", "dragover", "drop"]) {
    document.body.dispatchEvent(new DragEvent(kind, { dataTransfer: carried, bubbles: true }));
  }
}"""
MOST_BYTES = 166_000


@contextmanager
def opened(browser: Any, address: str, *, refused: bool = False, **options: Any) -> Iterator[Any]:
    """A fresh page; at its end nothing was logged, asked for outside, or run from a name.

    Chromium logs every answer that is a refusal; a test that provokes one says so.
    """
    options = {"viewport": {"width": 1280, "height": 900}, "locale": "en-GB", **options}
    wrong: list[str] = []

    def logged(message: Any) -> None:
        expected = refused and message.text.startswith("Failed to load resource")
        if message.type in ("error", "warning") and not expected:
            wrong.append(message.text)

    with browser.page(**options) as page:
        page.on("console", logged)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        inside = (address, "data:", f"blob:{address}")
        page.on("request", lambda r: None if r.url.startswith(inside) else wrong.append(r.url))
        page.goto(address)
        page.wait_for_selector(".tile .open")
        yield page
        assert page.evaluate("window.attacked") is None
    assert wrong == []


def search(page: Any, words: str) -> None:
    with settled(page):
        page.fill("#q", words)


@contextmanager
def settled(page: Any) -> Iterator[None]:
    """What is done in this block leads to a search; at its end the hits are there."""
    before = page.get_attribute("#results", "data-answers")
    yield
    page.wait_for_selector(
        f'#results[aria-busy=false]:not([data-answers="{before}"])', state="attached"
    )


def names(page: Any) -> list[str]:
    # Rows that are not in view have text, but none that is rendered.
    return [str(name) for name in page.locator(".tile .name").all_text_contents()]


def drop(page: Any, path: Path, kind: str) -> None:
    data = base64.b64encode(path.read_bytes()).decode()
    with settled(page):
        page.evaluate(DROP, [data, path.name, kind])
    page.wait_for_selector(".term")


def violations(page: Any) -> list[str]:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    found = axe.Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {node['html'][:120]}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


def test_words_find_in_english_and_chinese(browser: Any, address: str) -> None:
    with opened(browser, address) as page:
        assert "72 items" in page.inner_text("#said")
        search(page, "a large green triangle")
        assert page.locator(".tile").count() > 5
        assert page.evaluate("location.hash") == "#q=a+large+green+triangle"
        assert page.locator(".tile .likely span").first.inner_text()
        with settled(page):
            page.click("#language")
        assert page.get_attribute("#q", "placeholder") == "输入文字，或拖入图片、声音、视频"
        assert page.evaluate("document.documentElement.lang") == "zh-CN"
        search(page, "图21")
        assert names(page)[0] == "图21.png"
        assert "名称相符" in page.locator(".tile .likely").first.inner_text()
        page.go_back()
        page.wait_for_function("() => document.querySelector('#q').value.startsWith('a large')")


def test_a_dropped_picture_and_a_dropped_sound(browser: Any, address: str, place: Place) -> None:
    with opened(browser, address, refused=True) as page:
        drop(page, place.media / "图22.png", "image/png")
        assert "图22.png" in names(page)[:5]
        assert page.locator(".term img").count() == 1
        drop(page, place.media / "声5.wav", "audio/wav")
        assert page.locator(".term").count() == 2
        page.locator(".term .turn").last.click()
        assert page.locator(".term.against").inner_text().startswith("not")
        page.locator(".drop-term").first.click()
        page.locator(".drop-term").first.click()
        page.wait_for_function("() => document.querySelector('#said').innerText.includes('items')")
        page.evaluate(DROP, [base64.b64encode(b"nothing").decode(), "a.txt", "text/plain"])
        page.wait_for_selector("#alert:not([hidden])")
        assert "you can search by files of" in page.inner_text("#alert")


def test_more_like_this_and_not_like_this(browser: Any, address: str) -> None:
    with opened(browser, address) as page:
        search(page, "circle")
        first = page.locator(".tile").first
        name = first.locator(".name").inner_text()
        first.hover()
        with settled(page):
            first.locator("[data-action=not]").click()
        page.wait_for_selector(".term.against")
        assert name not in names(page)
        first = page.locator(".tile").first
        first.hover()
        with settled(page):
            first.locator("[data-action=more]").click()
        page.wait_for_selector(".term:not(.against)")
        assert page.locator(".term").count() == 1 and page.input_value("#q") == ""


def test_filters(browser: Any, address: str) -> None:
    with opened(browser, address, refused=True) as page:
        with settled(page):
            page.click("[data-view=audio]")
        page.wait_for_function("() => !document.querySelector('.tile:not(.audio)')")
        with settled(page):
            page.fill("#where", 'path~"声3*"')
        page.wait_for_function("() => document.querySelectorAll('.tile').length === 1")
        with settled(page):
            page.fill("#where", "colour:red")
        page.wait_for_selector("#where-error:not([hidden])")
        assert "colour" in page.inner_text("#where-error")
        page.fill("#where", "")
        page.select_option("#least", "0.8")
        page.select_option("#readout", "semantic")
        assert "p=0.8" in page.evaluate("location.hash")


# What a person does within a moment, so that no timer of the page comes between.
TYPED = """(steps) => {
  for (const [id, value, told] of steps) {
    const field = document.querySelector(id);
    if (value === null) field.click();
    else {
      field.focus();
      field.value = value;
      if (told) field.dispatchEvent(new Event("input", { bubbles: true }));
    }
  }
}"""
QUERY, HALF, FILTER = ["#q", "a red", True], ["#q", "a red", False], ["#where", "view:image", True]


@pytest.mark.parametrize(
    "steps",
    [
        [FILTER, QUERY],
        [QUERY, FILTER],
        [FILTER, HALF],
        [QUERY, FILTER, ["[data-view=image]", None]],
    ],
    ids=["filter-query", "query-filter", "half-written", "button"],
)
def test_what_is_being_typed_stays(browser: Any, address: str, steps: list[Any]) -> None:
    with opened(browser, address) as page:
        search(page, "a large green triangle")
        with settled(page):
            page.evaluate(TYPED, steps)
        assert page.input_value("#q") == "a red" and page.input_value("#where") == "view:image"
        asked = page.evaluate("location.hash")
        assert asked.startswith("#q=a+red&") and "f=view%3Aimage" in asked


def test_what_is_typed_stays_as_terms_change_and_before_the_first_answer(
    browser: Any, address: str
) -> None:
    with opened(browser, address) as page:
        with settled(page):
            page.locator("[data-action=more]").first.click()
        with settled(page):
            page.evaluate(TYPED, [QUERY, [".drop-term", None]])
        assert page.input_value("#q") == "a red"
        assert page.locator(".term").count() == 0

        held: list[Any] = []
        page.route("**/api/status", lambda route: held.append(route))
        with page.expect_request("**/api/status"):
            page.reload(wait_until="commit")
        page.evaluate(TYPED, [["#q", "a blue", False]])
        held[0].continue_()
        page.wait_for_selector(".tile .open")
        assert page.input_value("#q") == "a blue"


def test_nothing_matches_and_the_nearest_are_on_demand(browser: Any, address: str) -> None:
    answer = {"query": "x", "nothing_matches": True, "uncalibrated": [], "took_ms": 1.0}
    with opened(browser, address) as page:
        hits = page.evaluate(
            "fetch('/api/search', {method: 'POST', headers: {'content-type': 'application/json'},"
            " body: JSON.stringify({query: 'red', k: 3})}).then((r) => r.json())"
        )["hits"]
        body = json.dumps({**answer, "hits": hits})
        page.route("**/api/search", lambda r: r.fulfill(body=body, content_type="application/json"))
        page.fill("#q", "qwrtzp")
        page.wait_for_selector(".state h2")
        assert "Nothing matches" in page.inner_text(".state")
        assert page.locator("#grid").is_hidden()
        page.click(".state button")
        assert page.locator(".tile").count() == 3
        assert "only the nearest" in page.inner_text("#said")


def test_an_indexing_run_that_did_not_finish_is_one_quiet_line(browser: Any, address: str) -> None:
    left = "indexing of /a <b>/c has not finished"
    answer = {"query": "x", "nothing_matches": False, "uncalibrated": [], "weak": [], "hits": []}
    with opened(browser, address) as page:
        assert page.locator("#unfinished").is_hidden()
        search(page, "a large green triangle")
        assert page.locator("#unfinished").is_hidden()
        body = json.dumps({**answer, "reason": "", "unfinished": left})
        page.route("**/api/search", lambda r: r.fulfill(body=body, content_type="application/json"))
        search(page, "a large red triangle")
        assert page.inner_text("#unfinished.quiet") == f"Some files are not found yet: {left}"


@pytest.mark.parametrize("kind", ["image", "audio", "text"])
def test_an_explanation_is_drawn_over_the_thing(browser: Any, address: str, kind: str) -> None:
    with opened(browser, address) as page:
        search(page, "a large green triangle")
        page.locator(f".tile.{kind} .open").first.click()
        page.wait_for_selector("dialog[open]")
        page.click(".actions .wide")
        page.wait_for_selector(".why .weighed")
        assert page.locator(".why .account .weighed").first.locator("span").count() >= 4
        drawn = {"image": ".heat i", "audio": ".pushes rect", "text": ".account + .account span"}
        assert page.locator(drawn[kind]).count() > 1
        assert violations(page) == []
        page.click(".actions .wide")
        assert page.locator(".heat, .pushes, .why > *").count() == 0
        page.keyboard.press("Escape")
        assert page.locator("dialog[open]").count() == 0


def test_the_map_is_zoomed_circled_and_exported(browser: Any, address: str) -> None:
    with opened(browser, address, accept_downloads=True) as page:
        page.click("#open-map")
        page.wait_for_selector(".legend:not(:empty)")
        box = page.locator(".map-frame canvas").bounding_box()
        page.mouse.move(box["x"] + 300, box["y"] + 200)
        page.mouse.wheel(0, -300)
        page.mouse.down()
        page.mouse.move(box["x"] + 340, box["y"] + 240, steps=4)
        page.mouse.up()
        page.click("[data-key=whole]")
        page.click("[data-key=lasso]")
        x, y, w, h = box["x"], box["y"], box["width"], box["height"]
        page.mouse.move(x + 5, y + 5)
        page.mouse.down()
        for dx, dy in ((w - 5, 5), (w - 5, h - 5), (5, h - 5)):
            page.mouse.move(x + dx, y + dy, steps=6)
        page.mouse.up()
        page.wait_for_selector(".chosen:not([hidden])")
        assert page.inner_text(".chosen .count") == "72 selected"
        with page.expect_download() as sent:
            page.click("[data-key=export_csv]")
        lines = Path(sent.value.path()).read_text(encoding="utf-8-sig").splitlines()
        assert len(lines) == 73 and lines[0] == '"id","view","modality","name","x","y"'
        with page.expect_download() as sent:
            page.click("[data-key=export_json]")
        assert len(json.loads(Path(sent.value.path()).read_text(encoding="utf-8"))) == 72
        assert violations(page) == []
        page.click("[data-key=as_results]")
        page.wait_for_selector(".tile .open")
        assert page.locator(".mapview").is_hidden()


def test_the_map_from_the_keyboard(browser: Any, address: str) -> None:
    with opened(browser, address) as page:
        page.locator("body").press("g")
        page.wait_for_selector(".legend:not(:empty)")
        page.locator(".map-frame canvas").focus()
        for key in ("-", "+", "ArrowLeft", "ArrowRight", "Enter"):
            page.keyboard.press(key)
        page.wait_for_selector(".chosen:not([hidden])")
        assert int(page.inner_text(".chosen .count").split()[0]) > 5


def test_a_search_is_saved_and_found_again(browser: Any, address: str) -> None:
    with opened(browser, address) as page:
        search(page, "small blue circle")
        page.click("#open-saved")
        page.fill("#saved form input", "<b onclick=attacked=1>圆</b>")
        page.click("#saved form button")
        page.wait_for_selector(".saved-list .name")
        page.keyboard.press("Escape")
        search(page, "something else")
        page.click("#open-saved")
        with settled(page):
            page.click('.saved-list .name:has-text("圆")')  # other tests save theirs
        assert page.input_value("#q") == "small blue circle"


def test_keys_alone_are_enough(browser: Any, address: str) -> None:
    with opened(browser, address) as page:
        page.keyboard.press("/")
        with settled(page):  # at once: on a busy machine, half of it would be searched first
            page.keyboard.insert_text("a large green triangle")
        page.keyboard.press("ArrowDown")
        focused = "document.activeElement.closest('.tile')?.dataset.place"
        assert page.evaluate(focused) == "0"
        page.keyboard.press("ArrowRight")
        assert page.evaluate(focused) == "1"
        page.keyboard.press("ArrowDown")
        assert int(page.evaluate(focused)) > 1
        page.keyboard.press("ArrowUp")
        page.keyboard.press("Enter")
        page.wait_for_selector("dialog[open]")
        before = page.inner_text("#detail-name")
        page.keyboard.press("ArrowRight")
        assert page.inner_text("#detail-name") != before
        page.keyboard.press("e")
        page.wait_for_selector(".why .weighed")
        page.keyboard.press("Escape")
        page.wait_for_selector("dialog[open]", state="detached")
        assert page.evaluate(focused) is not None
        with settled(page):
            page.keyboard.press("n")
        page.wait_for_selector(".term.against")
        page.locator("body").press("?")
        assert page.locator("#help kbd").count() == 10
        page.keyboard.press("Escape")


def test_twenty_hostile_names_are_only_names(browser: Any, address: str) -> None:
    with opened(browser, address) as page:
        page.wait_for_function("() => document.querySelectorAll('.tile').length > 59")
        page.mouse.wheel(0, 9000)
        page.wait_for_function("() => document.querySelectorAll('.tile').length === 72")
        shown = set(names(page))
        assert len(HOSTILE) == 20 and set(HOSTILE) <= shown
        for place in range(0, 60, 7):
            page.locator(".tile .open").nth(place).click()
            page.wait_for_selector("dialog[open]")
            page.keyboard.press("Escape")
        search(page, "<img src=x onerror=window.attacked=30>")
        page.click("#open-map")
        page.wait_for_selector(".legend:not(:empty)")
        page.mouse.move(640, 500, steps=20)


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")])
def test_it_fits_and_can_be_used_by_all(
    browser: Any, address: str, width: int, scheme: str
) -> None:
    shape = {"viewport": {"width": width, "height": 780}, "color_scheme": scheme}
    with opened(browser, address, **shape, has_touch=width < 500) as page:
        assert violations(page) == []
        search(page, "a large green triangle")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert violations(page) == []
        page.locator(".tile .open").first.click()
        page.wait_for_selector("dialog[open]")
        page.click(".actions .wide")
        page.wait_for_selector(".why .weighed")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert violations(page) == []
        page.keyboard.press("Escape")
        for button in ("#open-saved", "#open-index"):
            page.click(button)
            page.wait_for_selector("dialog[open]")
            assert violations(page) == []
            page.keyboard.press("Escape")


def test_a_sound_is_recorded(browser: Any, address: str) -> None:
    with opened(browser, address) as page:
        page.evaluate("""() => {
          const context = new AudioContext();
          const tone = context.createOscillator();
          const out = context.createMediaStreamDestination();
          tone.connect(out);
          tone.start();
          context.resume();
          navigator.mediaDevices.getUserMedia = async () => out.stream;
        }""")
        page.click("#record")
        page.wait_for_selector("#record[aria-pressed=true]")
        page.wait_for_timeout(1200)
        with page.expect_response("**/api/uploads") as sent:
            page.click("#record")
        assert sent.value.json()["modality"] == "audio"
        page.wait_for_selector(".term")


def test_a_sound_is_played(browser: Any, address: str) -> None:
    with opened(browser, address) as page:
        with page.expect_response("**/media"):
            page.locator(".play").first.click()
        page.wait_for_selector(".play.playing")


def test_an_empty_store_says_what_to_do_and_does_it(
    browser: Any, place: Place, tmp_path: Path
) -> None:
    media = tmp_path / "new"
    media.mkdir()
    for source in sorted(place.media.iterdir())[:12]:
        shutil.copy(source, media / source.name)
    with (
        Store.open(tmp_path / "store", Space.load(place.store / "space")) as store,
        beside(store, roots=(media,)) as address,
        browser.page(viewport={"width": 1280, "height": 720}, locale="zh-CN") as page,
    ):
        page.goto(address)
        page.wait_for_selector(".state h2")
        assert page.inner_text(".state h2") == "这里还是空的。"
        assert violations(page) == []
        page.click(".add-form button")
        page.wait_for_selector(".tile .open")
        assert page.locator(".tile").count() == 12


def test_the_page_says_when_the_server_is_gone(browser: Any, address: str) -> None:
    with opened(browser, address, refused=True) as page:
        page.route("**/api/search", lambda route: route.fulfill(
            status=429, body='{"error": "Refused", "message": "too many"}',
            content_type="application/json"))  # fmt: skip
        page.fill("#q", "a large green triangle")
        page.wait_for_selector(".state button")
        assert "too many" in page.inner_text(".state")
        page.unroute("**/api/search")
        page.click(".state button")
        page.wait_for_selector(".tile")


def test_script_and_style_stay_light() -> None:
    files = [path for path in PAGE.rglob("*") if path.suffix in (".js", ".css", ".html")]
    assert sum(path.stat().st_size for path in files) <= MOST_BYTES
