"""The page with long things: it plays from where a hit was found, and shows where that is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.server.conftest import beside
from tests.server.test_page import opened, settled, violations
from tests.server.theatre import WORDS, Theatre, paragraphs
from tests.waiting import until

from isthmus.store import part_id
from isthmus.tasks import Store
from isthmus.tasks.retrieval.hits import said_span

pytestmark = pytest.mark.browser
APART = """async ([n, wide, high]) => {
  const { apart } = await import("/static/js/thumbs.js");
  let seed = 1;
  const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
  const x = Array.from({ length: n }, random), y = Array.from({ length: n }, () => random() ** 2);
  const rows = Array.from({ length: n }, (_, row) => row);
  const kept = apart(rows, x, y, wide, high);
  const near = (a, b) => Math.abs(x[a] - x[b]) < wide && Math.abs(y[a] - y[b]) < high;
  return {
    kept: kept.length, first: kept[0],
    overlaps: kept.some((a, i) => kept.slice(i + 1).some((b) => near(a, b))),
    left: rows.filter((row) => !kept.some((other) => near(row, other))).length,
  };
}"""
LATE = """async ([at, sought]) => {
  const { keepTo } = await import("/static/js/player.js");
  const media = Object.assign(new EventTarget(), { paused: false, playbackRate: 1 });
  media.pause = () => { media.paused = true; };
  let held = 0;
  keepTo(media, [8, 12], () => { held += 1; });
  if (sought !== "late") media.dispatchEvent(new Event("seeked"));
  media.dispatchEvent(new Event("playing"));
  media.currentTime = at;
  if (sought) media.dispatchEvent(new Event("seeked"));
  await new Promise((done) => { setTimeout(done, 600); });
  return [held, media.paused, media.currentTime];
}"""
PHONE = {"viewport": {"width": 360, "height": 780}, "has_touch": True}


@pytest.fixture(scope="module")
def address(theatre: Theatre) -> Iterator[str]:
    with Store.open(theatre.store) as store, beside(store) as found:
        yield found


def hit(page: Any, theatre: Theatre, name: str, **changes: Any) -> dict[str, Any]:
    """An item of the store as a search would find it, with some changes."""
    told = page.evaluate("(id) => fetch(`/api/items/${id}`).then((r) => r.json())",
                         theatre.ids[name])  # fmt: skip
    standing = {"rank": 1, "among": 11, "clear": False}
    found = {"cosine": 0.4, "score": 0.5, "probability": 0.72, "words": "likely", "named": False}
    found |= {"partly_named": False, "standing": standing, "said": "", "shares": []}
    return {**told, **found, "spans": [], "copies": [], **changes}


@contextmanager
def found(
    browser: Any, address: str, theatre: Theatre, *hits: tuple[str, dict[str, Any]], **options: Any
) -> Iterator[Any]:
    """The page, with these hits of a search."""
    with opened(browser, address, **options) as page:
        answer = {"query": "x", "nothing_matches": False, "uncalibrated": [], "weak": [],
                  "advice": "", "reason": "", "took_ms": 1.0,
                  "hits": [hit(page, theatre, name, **more) for name, more in hits]}  # fmt: skip
        body = json.dumps(answer)
        page.route("**/api/search", lambda r: r.fulfill(body=body, content_type="application/json"))
        with settled(page):
            page.fill("#q", "x")
        yield page
        page.unroute("**/api/search")


def film(theatre: Theatre) -> tuple[str, dict[str, Any]]:
    """A hit in a film, at 8 to 12 seconds, and further parts."""
    own = theatre.ids["film.webm"]
    further = [{"start": 16.0, "stop": 20.0, "probability": 0.3, "words": "maybe"}]
    return "film.webm", {"id": part_id(own, span=(8, 12)), "span": [8, 12], "spans": further}


def talk(theatre: Theatre) -> tuple[str, dict[str, Any]]:
    own = theatre.ids["talk.wav"]
    further = [{"start": 12.0, "stop": 12.8, "probability": 0.9, "words": "very likely"}]
    return "talk.wav", {"id": part_id(own, span=(4, 8)), "span": [4, 8], "spans": further}


def sign(theatre: Theatre) -> tuple[str, dict[str, Any]]:
    own = part_id(theatre.ids["sign.png"], "ocr")
    words = {"origin": "ocr", "text": f"sign\n{WORDS}"}
    return "sign.png", {"id": own, "view": "text", "modality": "text", **words}


def speech(theatre: Theatre) -> tuple[str, dict[str, Any]]:
    own = part_id(theatre.ids["talk.wav"], "speech", (16, 20))
    words = {"origin": "speech", "text": f"talk\n{WORDS}", "span": [16, 20]}
    return "talk.wav", {"id": own, "view": "text", "modality": "text", **words}


def passage(theatre: Theatre) -> tuple[str, dict[str, Any]]:
    own, start = theatre.ids["book.txt"], "\n\n".join(paragraphs()).index("Chapter 120 ")
    span = (start, start + len(paragraphs()[120]))
    further = [{"start": 0, "stop": len(paragraphs()[0]), "probability": None, "words": ""}]
    return "book.txt", {"id": part_id(own, span=span), "span": span, "spans": further}


def open_first(page: Any, place: int = 0) -> None:
    page.locator(".tile .open").nth(place).click()
    page.wait_for_selector("dialog[open]")


def ready(page: Any, player: str = "video.screen") -> None:
    page.wait_for_function("(q) => document.querySelector(q)?.readyState >= 2", arg=player)


def shares(page: Any, what: str) -> list[tuple[float, float]]:
    """Where marks begin, and how wide they are, as shares of the time."""
    found = page.evaluate(
        """(what) => {
          const lane = document.querySelector(".lane").getBoundingClientRect();
          return [...document.querySelectorAll(what)].map((each) => {
            const box = each.getBoundingClientRect();
            return [(box.left - lane.left) / lane.width, box.width / lane.width];
          });
        }""",
        what,
    )
    return [(start, wide) for start, wide in found]


def test_cards_say_how_long_and_where(browser: Any, address: str, theatre: Theatre) -> None:
    copied = ("card 1.png", {"copies": ["/a/1.png", "/b/2.png"]})
    hits = (film(theatre), talk(theatre), sign(theatre), copied, ("old film.avi", {}))
    with found(browser, address, theatre, *hits) as page:
        badges = page.locator(".badge").all_inner_texts()
        assert badges == ["0:08–0:12", "0:04–0:08", "0:24"]
        lines = page.locator(".tile .likely span:first-child").all_inner_texts()
        assert lines[0].startswith("at 0:08–0:12 · likely")
        assert lines[2].startswith("read from the picture")
        assert page.inner_text(".tile .read") == f"“{WORDS}”"
        assert page.locator(".tile .glyph.m-video").count() == 2
        label = page.get_attribute(".tile .open >> nth=3", "aria-label")
        assert label is not None and "3 copies" in label
        page.wait_for_function(
            "() => [...document.querySelectorAll('.tile img')].every((each) => each.naturalWidth)"
        )
        assert page.locator(".tile.video img").count() == 2
        page.click(".fold")
        sources = [str(theatre.media / "card 1.png"), *copied[1]["copies"]]
        assert page.locator(".copies li").all_inner_texts() == sources


def test_a_film_plays_its_part_and_then_goes_on(
    browser: Any, address: str, theatre: Theatre
) -> None:
    with found(browser, address, theatre, film(theatre)) as page:
        open_first(page)
        ready(page)
        now = "document.querySelector('video.screen').currentTime"
        assert page.evaluate(now) == pytest.approx(8, abs=0.2)
        page.evaluate("document.querySelector('video.screen').playbackRate = 4")
        page.evaluate("document.querySelector('video.screen').play()")
        page.wait_for_selector(".held .go-on")
        assert 11.8 <= page.evaluate(now) < 13
        assert "0:12" in page.inner_text(".held")
        page.click(".go-on")
        page.wait_for_function(f"() => {now} > 14")
        assert page.locator(".go-on").count() == 0
        page.locator(".parts button").nth(1).click()
        page.wait_for_function(f"() => {now} >= 16")
        page.wait_for_selector(".held .go-on")
        assert 19.8 <= page.evaluate(now) < 21
        assert page.get_attribute(".parts button >> nth=1", "aria-pressed") == "true"


@pytest.mark.parametrize(
    ("at", "sought", "left"),
    [(13, "", [1, True, 12]), (13, "late", [1, True, 12]), (13, "yes", [0, False, 13])],
)
def test_a_late_look_holds_and_a_seek_lets_go(
    browser: Any, address: str, at: float, sought: str, left: list[Any]
) -> None:
    with opened(browser, address) as page:
        assert page.evaluate(LATE, [at, sought]) == left


def test_the_page_writes_stretches_as_the_command_line_does(browser: Any, address: str) -> None:
    spans = [
        (8, 12),
        (3.75, 6),
        (0.04, 0.08),
        (15.5, 18.4),
        (65, 80.4),
        (3600, 3725),
        (59.98, 61),
        (30, 37.5),
    ]
    ask = """async (spans) => {
      const { stretch } = await import("/static/js/times.js");
      return spans.map(stretch);
    }"""
    with opened(browser, address) as page:
        shown = page.evaluate(ask, spans)
    assert [f"at {each}" for each in shown] == [said_span(span, "audio") for span in spans]


def test_frames_lie_under_the_parts_of_a_film(browser: Any, address: str, theatre: Theatre) -> None:
    with found(browser, address, theatre, film(theatre)) as page:
        open_first(page)
        ready(page)
        page.wait_for_function("() => document.querySelector('.strip').naturalWidth === 1120")
        marks = shares(page, ".cut")
        assert marks[0] == (pytest.approx(8 / 24, abs=0.02), pytest.approx(4 / 24, abs=0.02))
        assert marks[1] == (pytest.approx(16 / 24, abs=0.02), pytest.approx(4 / 24, abs=0.02))
        assert shares(page, ".head")[0][0] == pytest.approx(8 / 24, abs=0.02)
        box = page.locator(".lane").bounding_box()
        page.mouse.click(box["x"] + box["width"] * 0.9, box["y"] + box["height"] / 2)
        page.wait_for_function("() => document.querySelector('video.screen').currentTime > 21")
        assert page.locator(".parts button").all_inner_texts() == [
            "0:08–0:12\nlikely", "0:16–0:20\nmaybe"]  # fmt: skip


def test_a_sound_is_heard_from_its_part_by_keys_alone(
    browser: Any, address: str, theatre: Theatre
) -> None:
    with found(browser, address, theatre, talk(theatre)) as page:
        page.keyboard.press("Escape")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.wait_for_selector(".sound .wave[data-peaks='240']")
        marks = shares(page, ".cut")
        assert marks[0] == (pytest.approx(4 / 24, abs=0.02), pytest.approx(4 / 24, abs=0.02))
        page.wait_for_function("() => document.querySelector('.time').innerText === '0:04 / 0:24'")
        for _ in range(12):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.dataset.start") == "12":
                break
        page.keyboard.press("Enter")
        page.wait_for_selector(".held .go-on")
        at = float(page.input_value(".seek"))
        assert 12.7 <= at < 13.5
        page.focus(".seek")
        page.keyboard.press("Home")
        page.wait_for_function("() => document.querySelector('.time').innerText.startsWith('0:00')")
        assert page.inner_text("#detail-name").endswith("talk.wav")


def test_the_play_button_of_a_card_plays_the_part(
    browser: Any, address: str, theatre: Theatre
) -> None:
    with found(browser, address, theatre, talk(theatre)) as page:
        page.evaluate("""() => {
          window.positions = [];
          const play = HTMLMediaElement.prototype.play;
          HTMLMediaElement.prototype.play = function () {
            window.player = this;
            this.playbackRate = 4;
            return play.call(this);
          };
        }""")
        page.click(".tile .play")
        page.wait_for_selector(".play.playing")
        assert page.evaluate("player.currentTime") >= 3.9
        page.wait_for_selector(".play:not(.playing)")
        assert 7.8 <= page.evaluate("player.currentTime") < 9


def test_what_a_browser_cannot_play_is_shown_in_frames(
    browser: Any, address: str, theatre: Theatre
) -> None:
    with found(browser, address, theatre, ("old film.avi", {})) as page:
        open_first(page)
        page.wait_for_selector(".unplayed")
        assert "cannot play this file" in page.inner_text(".unplayed")
        page.wait_for_function("() => document.querySelector('.strip').naturalWidth === 1120")
        page.wait_for_function("() => document.querySelector('img.screen').naturalWidth > 0")
        assert page.locator("video").count() == 0


def test_animated_pictures_move_and_folders_are_strips(
    browser: Any, address: str, theatre: Theatre
) -> None:
    shown = ("loop.gif", {}), ("walk.frames", {})
    with found(browser, address, theatre, *shown, refused=True) as page:
        open_first(page)
        page.wait_for_selector("img.screen[src$='/media']")
        page.keyboard.press("ArrowRight")
        page.wait_for_selector(".unplayed")
        page.wait_for_function("() => document.querySelector('.strip').naturalWidth === 1120")
    with found(browser, address, theatre, shown[0], reduced_motion="reduce") as page:
        open_first(page)
        page.wait_for_selector("img.screen[src*='thumbnail']")


def test_words_are_told_where_they_were_read(browser: Any, address: str, theatre: Theatre) -> None:
    with found(browser, address, theatre, sign(theatre), speech(theatre)) as page:
        open_first(page)
        assert page.inner_text(".origin") == f"Read from the picture\n{WORDS}"
        page.wait_for_function("() => document.querySelector('.picture img').naturalWidth === 320")
        page.keyboard.press("ArrowRight")
        assert page.inner_text(".origin") == f"Heard in the recording\n{WORDS}"
        page.wait_for_function("() => document.querySelector('.time').innerText === '0:16 / 0:24'")


def test_a_passage_stands_in_its_text(browser: Any, address: str, theatre: Theatre) -> None:
    with found(browser, address, theatre, passage(theatre)) as page:
        open_first(page)
        page.wait_for_selector(".full mark")
        assert page.inner_text(".full mark") == paragraphs()[120]
        assert "Chapter 119 " in page.inner_text(".beside >> nth=0")
        seen = """() => {
          const text = document.querySelector(".full").getBoundingClientRect();
          const mark = document.querySelector(".full mark").getBoundingClientRect();
          return mark.top >= text.top && mark.bottom <= text.bottom;
        }"""
        assert page.evaluate(seen)
        page.locator(".parts button").nth(1).click()
        page.wait_for_function(
            "() => document.querySelector('.full mark').innerText.startsWith('Chapter 0 ')"
        )
        assert page.evaluate(seen)


def test_fields_filter(browser: Any, address: str, theatre: Theatre) -> None:
    fields = {"title": 'A "blue" card', "taken": "2026-01-31T12:30:00", "lat": 48.25, "lon": 16.5,
              "width": 180, "height": 120, "duration": 100.0, "year": 2026}  # fmt: skip
    with found(browser, address, theatre, ("card 1.png", {"fields": fields})) as page:
        wanted = {
            "2026-01-31 12:30": "taken:2026-01-31",
            'A "blue" card': 'title:"A \\"blue\\" card"',
            "2026": "year:2026",
            "48.2500, 16.5000": "near:48.25,16.5,1km",
            "180 × 120": "width:180 and height:120",
            "1:40": "duration>=90 and duration<=110",
        }
        for place, filter_ in enumerate(wanted.values()):
            open_first(page)
            assert page.locator(".field").all_inner_texts() == list(wanted)
            with settled(page):
                page.locator(".field").nth(place).click()
            assert page.input_value("#where") == filter_
            with settled(page):
                page.fill("#where", "")


def test_a_file_is_searched_from_within(browser: Any, address: str, theatre: Theatre) -> None:
    with found(browser, address, theatre, film(theatre)) as page:
        open_first(page)
        ready(page)
        page.unroute("**/api/search")
        with page.expect_request("**/api/search") as sent:
            page.fill(".inside input", "a blue square grows")
            page.keyboard.press("Enter")
        assert sent.value.post_data_json["within"] == theatre.ids["film.webm"]
        page.wait_for_selector(".inside-found button")
        rows = page.locator(".inside-found button")
        assert rows.count() == page.locator(".cut").count() > 1
        start = page.locator(".parts button").nth(1).get_attribute("data-start")
        rows.nth(1).focus()
        page.keyboard.press("Enter")
        now = "document.querySelector('video.screen').currentTime"
        page.wait_for_function(f"(start) => {now} >= start - 0.1", arg=float(start or 0))
        assert page.get_attribute(".parts button >> nth=1", "aria-pressed") == "true"


def test_pictures_on_the_map_do_not_overlap(browser: Any, address: str) -> None:
    with opened(browser, address) as page:
        for n, wide in ((10_000, 0.04), (3000, 0.002), (50, 2.0)):
            made = page.evaluate(APART, [n, wide, wide / 2])
            assert not made["overlaps"]
            assert made["left"] == 0  # whatever is not shown has no room
            assert made["first"] == 0 and made["kept"] <= n


def test_the_map_shows_pictures_near_by_and_lists_them(
    browser: Any, address: str, theatre: Theatre
) -> None:
    asked: list[str] = []
    with opened(browser, address) as page:
        page.click("#open-map")
        page.wait_for_selector(".map-items li")
        assert page.locator(".map-items li").count() == len(theatre.ids)
        assert page.inner_text("#in-view") == f"{len(theatre.ids)} items in view"
        assert page.get_attribute(".map-frame canvas", "data-pictures") == "0"
        page.on("request", lambda r: asked.append(r.url) if "thumbnail" in r.url else None)
        place = page.evaluate("fetch('/api/map').then((r) => r.json())")
        row = place["names"].index("film.webm")
        box = page.locator(".map-frame canvas").bounding_box()
        x = box["x"] + 24 + (box["width"] - 48) * place["x"][row]
        y = box["y"] + 24 + (box["height"] - 48) * place["y"][row]
        page.mouse.move(x, y)
        page.mouse.wheel(0, -330)
        page.wait_for_selector(".map-frame canvas:not([data-pictures='0'])")
        assert any(theatre.ids["film.webm"] in url for url in asked)
        assert violations(page) == []
        entry = page.locator(".map-items button", has_text="film.webm")
        entry.last.focus()
        page.keyboard.press("Enter")
        page.wait_for_selector("dialog[open] video.screen")
        page.keyboard.press("Escape")

        def over_its_picture() -> bool:  # which may be drawn after that of another
            page.mouse.move(x, y)
            page.mouse.move(x + 14, y + 4)
            return page.locator(".map-frame canvas.over").count() == 1

        until(over_its_picture)
        page.mouse.click(x + 14, y + 4)
        page.wait_for_selector("dialog[open] .film")


@pytest.mark.parametrize(("shape", "scheme"), [(PHONE, "dark"), ({}, "light")])
def test_all_of_it_fits_and_can_be_used_by_all(
    browser: Any, address: str, theatre: Theatre, shape: Any, scheme: str
) -> None:
    named = {"title": "A title that is rather long for a phone, and goes on", "artist": "somebody"}
    more = {"copies": ["/a/very/long/path/to/a/film.webm"], "fields": named}
    first = film(theatre)
    hits = ((first[0], first[1] | more), talk(theatre), sign(theatre), passage(theatre),
            ("old film.avi", {}))  # fmt: skip
    options = {**shape, "color_scheme": scheme}
    with found(browser, address, theatre, *hits, **options) as page:
        wide = page.evaluate("innerWidth")
        assert violations(page) == []
        waited = ("video.screen", ".sound .wave[data-peaks]", ".origin", ".full mark", ".unplayed")
        for place, there in enumerate(waited):
            open_first(page, place)
            page.wait_for_selector(f"dialog[open] {there}", state="attached")
            inside = "Math.max(...[...document.querySelectorAll('dialog[open] *')].map("
            inside += "(each) => each.getBoundingClientRect().right))"
            assert page.evaluate(inside) <= wide
            assert page.evaluate("document.documentElement.scrollWidth") <= wide
            assert violations(page) == []
            page.keyboard.press("Escape")
        page.click("#open-map")
        page.wait_for_selector(".map-items li")
        assert page.evaluate("document.documentElement.scrollWidth") <= wide
        assert violations(page) == []
