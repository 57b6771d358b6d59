import gzip
import http.server
import threading
from pathlib import Path

import numpy as np
import pytest

from isthmus.core.errors import CorruptMediaError, MediaTooLargeError, UnsupportedMediaError
from isthmus.core.item import MediaItem
from isthmus.media import DEFAULT, Limits, decode, svg
from isthmus.media.svg import sanitize

NS = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
GOOD = f'<svg {NS} viewBox="0 0 20 10"><rect width="10" height="10" fill="red"/></svg>'


def draw(markup: str | bytes, limits: Limits = DEFAULT):
    data = markup.encode() if isinstance(markup, str) else markup
    return decode(MediaItem.from_bytes(data, "image", source="a.svg"), limits)


def test_a_drawing_on_white() -> None:
    picture = draw(GOOD)
    assert (picture.mode, picture.size) == ("RGB", (512, 256))
    assert picture.getpixel((10, 10)) == (255, 0, 0)
    assert picture.getpixel((500, 10)) == (255, 255, 255)
    assert draw(gzip.compress(GOOD.encode())).tobytes() == picture.tobytes()


def test_a_white_drawing_gets_a_dark_ground() -> None:
    picture = draw(f'<svg {NS} viewBox="0 0 9 9"><circle cx="4" cy="4" r="3" fill="#fff"/></svg>')
    assert picture.getpixel((228, 228)) == (255, 255, 255)
    assert max(picture.getpixel((2, 2))) < 128


def written(family: str) -> str:
    letters = f'<text x="5" y="25" font-family="{family}">Hello</text>'
    return f'<svg {NS} viewBox="0 0 60 40">{letters}</svg>'


@pytest.mark.parametrize("family", ["Arial", "A Family That Nobody Has", "serif", "monospace"])
def test_text_is_drawn_in_a_font_that_is_here(family: str) -> None:
    if not svg.fonts():
        pytest.skip("this machine has no fonts")
    ink = (np.asarray(draw(written(family)))[..., 0] < 128).mean()
    assert 0.02 < ink < 0.3


def test_text_alone_without_fonts_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(svg, "fonts", lambda: {"skip_system_fonts": True})
    with pytest.raises(UnsupportedMediaError, match=r"no font here.*fonts-dejavu-core"):
        draw(written("Arial"))
    both = written("Arial").replace("<text", '<rect width="30" height="40" fill="red"/><text')
    assert draw(both).getpixel((10, 10)) == (255, 0, 0)


@pytest.mark.parametrize(
    "size",
    [
        'width="200000" height="200000"',
        'width="200000" height="100000" viewBox="0 0 2 2"',
        'width="160pt" height="160pt"',
        'width="1e9mm" height="1e9mm"',
        'viewBox="0 0 0.001 0.001"',
        'width="100%" height="100%" viewBox="0 0 9 9"',
    ],
)
def test_the_size_is_ours(size: str) -> None:
    picture = draw(f'<svg {NS} {size}><rect width="5" height="5"/></svg>')
    assert max(picture.size) == 512


def test_references_to_files_are_removed(tmp_path: Path) -> None:
    from PIL import Image

    secret = tmp_path / "secret.png"
    Image.new("RGB", (20, 20), "red").save(secret)
    for href in (str(secret), f"file://{secret}", "secret.png"):
        for attribute in ("href", "xlink:href"):
            inner = f'<image {attribute}="{href}" width="20" height="20"/>'
            picture = draw(f'<svg {NS} viewBox="0 0 20 20">{inner}</svg>')
            assert np.asarray(picture).min() == 255


def test_nothing_is_fetched() -> None:
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    try:
        draw(
            f'<?xml-stylesheet href="{url}/0.css"?><!DOCTYPE svg SYSTEM "{url}/1.dtd">'
            f'<svg {NS} viewBox="0 0 9 9" xml:base="{url}/">'
            f'<style>@import url({url}/2.css); rect {{ fill: url("{url}/3.svg#a") }}</style>'
            f'<image href="{url}/4.png" width="9" height="9"/>'
            f'<use xlink:href="{url}/5.svg#a"/><rect width="9" height="9" fill="url({url}/6#a)"/>'
            f'<feImage href="{url}/7.png"/><script href="{url}/8.js"/></svg>'
        )
    finally:
        server.shutdown()
        server.server_close()
    assert asked == []


def test_what_stays_and_what_goes() -> None:
    pixel = "data:image/png;base64,AAAA"
    clean = sanitize(
        f'<!DOCTYPE svg><svg {NS} onload="alert(1)"><metadata>who</metadata><script>x</script>'
        f'<use xlink:href="#a"/><image href="{pixel}"/><image href="data:image/svg+xml,x"/>'
        '<a href="javascript:alert(1)"/><g fill="url(#b)" style="fill:url( \'http://c\' )"/>'
        "<style>@import 'd.css'; g { mask: url(file:///e) } h { fill: url(#f) }</style>"
        "</svg>".encode(),
        source="a.svg",
    )
    for gone in ("DOCTYPE", "onload", "who", "script", "svg+xml", "http://c", "d.css", "file:"):
        assert gone not in clean
    for kept in ('xlink:href="#a"', f'href="{pixel}"', 'fill="url(#b)"', "url(#f)"):
        assert kept in clean


def test_references_spelt_with_character_entities() -> None:
    assert "etc" not in sanitize(
        f'<svg {NS}><image href="&#x2F;etc/passwd"/></svg>'.encode(), source="a.svg"
    )


def test_entities() -> None:
    short = f'<!DOCTYPE svg [<!ENTITY c "red">]>{GOOD.replace(chr(34) + "red", chr(34) + "&c;")}'
    assert draw(short).getpixel((10, 10)) == (255, 0, 0)
    bomb = '<!DOCTYPE svg [<!ENTITY a "lol">' + "".join(
        f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    with pytest.raises(CorruptMediaError, match="entity 'b'"):
        draw(f"{bomb}]><svg {NS}><text>&i;</text></svg>")
    wide = (
        f'<!DOCTYPE svg [<!ENTITY a "{"x" * 4000}">]><svg {NS}><text>{"&a;" * 20_000}</text></svg>'
    )
    with pytest.raises((CorruptMediaError, MediaTooLargeError)) as refused:
        draw(wide)
    assert "drawn" not in str(refused.value)  # it is refused before anything is drawn
    with pytest.raises(CorruptMediaError, match="external"):
        draw(f'<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]><svg {NS}>&a;</svg>')


def test_caps_on_size() -> None:
    with pytest.raises(MediaTooLargeError, match="bytes of markup"):
        draw(gzip.compress(GOOD.encode() + b" " * 20_000_000))
    with pytest.raises(MediaTooLargeError):
        draw(GOOD, Limits(max_svg_bytes=50))
    with pytest.raises(CorruptMediaError):
        draw(gzip.compress(GOOD.encode())[:-9])


@pytest.mark.parametrize(
    "bad", [f"<svg {NS}>", f"<svg {NS}></g>", f"<svg {NS}/><svg/>", f"<svg {NS}>&nope;</svg>"]
)
def test_damaged(bad: str) -> None:
    with pytest.raises(CorruptMediaError, match="well-formed"):
        draw(bad)
