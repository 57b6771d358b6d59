"""The pictures of the tour in the documentation, taken of a store of drawn and sung scenes.

With ``ISTHMUS_SCREENSHOTS=docs/assets/tour`` they are kept there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.server.conftest import beside

from isthmus.core.record import Dataset
from isthmus.media import decode
from isthmus.space import Space
from isthmus.tasks import Store, annotate_store

pytestmark = pytest.mark.browser
STILL = "() => document.getAnimations().every((each) => each.playState !== 'running')"
WANTED = {"search", "explanation", "map", "nothing", "phone"}


@pytest.fixture(scope="module")
def gallery(
    space: Space, scenes: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A server of forty scenes, named by what they show."""
    import soundfile

    root = tmp_path_factory.mktemp("tour").resolve()
    media = root / "drawings"
    media.mkdir()
    for number, record in enumerate(scenes.records[80:120]):
        caption = record.items["text"].captions[0]
        name = f"{caption.rstrip('.')} {number}"
        decode(record.items["image"]).save(media / f"{name}.png")
        if number % 3 == 0:
            sound = decode(record.items["audio"])
            soundfile.write(media / f"{name}.wav", sound.samples, sound.rate)
        if number % 5 == 0:
            (media / f"{name}.txt").write_text(caption, encoding="utf-8")
    with Store.open(root / "store", space) as store:
        store.add(media)
        annotate_store(store, ["green triangle", "red"], least=0.2)
        with beside(store, roots=(media,)) as address:
            yield address


def test_the_tour(browser: Any, gallery: str, tmp_path: Path) -> None:
    kept = Path(os.environ.get("ISTHMUS_SCREENSHOTS", tmp_path))
    kept.mkdir(parents=True, exist_ok=True)

    def shoot(page: Any, name: str) -> None:
        page.wait_for_load_state("networkidle")
        page.wait_for_function(STILL)
        page.screenshot(path=kept / f"{name}.png")

    with browser.page(viewport={"width": 1200, "height": 690}, locale="en-GB") as page:
        page.goto(f"{gallery}#q=a+large+green+triangle")
        page.wait_for_selector(".tile .open")
        shoot(page, "search")
        page.locator(".tile.image .open").first.click()
        page.click(".actions .wide")
        page.wait_for_selector(".heat i")
        shoot(page, "explanation")
        page.keyboard.press("Escape")
        page.click("#open-map")
        page.wait_for_selector(".legend:not(:empty)")
        page.click("[data-key=lasso]")
        box = page.locator(".map-frame canvas").bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x - 200, y - 90)
        page.mouse.down()
        for dx, dy in ((60, -120), (220, -20), (90, 110), (-180, 90)):
            page.mouse.move(x + dx, y + dy, steps=5)
        page.mouse.up()
        page.wait_for_selector(".chosen:not([hidden])")
        shoot(page, "map")
        page.click("#open-map")
        page.fill("#q", "qwrtzp lkjhgf")
        page.wait_for_selector(".state h2")
        shoot(page, "nothing")
    phone = {"viewport": {"width": 390, "height": 780}, "is_mobile": True, "has_touch": True}
    with browser.page(**phone, locale="zh-CN", color_scheme="dark") as page:
        page.goto(f"{gallery}#q=a+large+green+triangle")
        page.wait_for_selector(".tile .open")
        shoot(page, "phone")
    assert {path.stem for path in kept.glob("*.png")} >= WANTED
    assert all((kept / f"{name}.png").stat().st_size > 4_000 for name in WANTED)
