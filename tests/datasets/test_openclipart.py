from pathlib import Path

import pytest

from isthmus.core.errors import DataError, MediaTooLargeError, MissingDataError
from isthmus.datasets import find, openclipart
from isthmus.media import decode

RDF = """<svg><metadata><rdf:RDF><cc:Work><dc:title>{title}</dc:title>
<dc:publisher><cc:Agent><dc:title>The Library</dc:title></cc:Agent></dc:publisher>
<dc:creator><cc:Agent><dc:title>{artist}</dc:title></cc:Agent></dc:creator>
<dc:subject><rdf:Bag><rdf:li>{keyword}</rdf:li><rdf:li/><rdf:li>hash</rdf:li>
<rdf:li>0x8a3f</rdf:li></rdf:Bag></dc:subject></cc:Work></rdf:RDF></metadata><path/></svg>"""


@pytest.fixture
def library(tmp_path: Path) -> Path:
    def put(key: str, title: str = "", artist: str = "", keyword: str = "") -> None:
        for kind in ("png", "svg"):
            path = tmp_path / kind / f"{key}.{kind}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(RDF.format(title=title, artist=artist, keyword=keyword))

    put("animals/fox_01", "Fox", "Ann", "red_fox")
    put("animals/fox._02", "Fox (2)", "Ben", "Fox")
    put("animals/hen", "Hen &amp; egg", "Ben")
    put("animals/cow", "Cow", "Cid")
    put("plants/oak", "Oak", "Ben", "tree")
    put("plants/weed", keyword="weed")
    put("plants/unknown")
    (tmp_path / "png/plants/lonely.png").write_bytes(b"x")
    return tmp_path


def test_captions_are_titles_and_keywords(library: Path) -> None:
    data = openclipart.load(root=library)
    captions = {record.id: record.items["text"].captions[0] for record in data.records}
    assert captions == {
        "animals/fox_01": "Fox, red fox",
        "animals/fox._02": "Fox (2), Fox",
        "animals/hen": "Hen & egg",
        "animals/cow": "Cow",
        "plants/oak": "Oak, tree",
        "plants/weed": "weed",
    }
    assert {Path(failure.source).name for failure in data.skipped} == {"lonely.png", "unknown.png"}


def test_families(library: Path) -> None:
    groups = {record.id: record.group for record in openclipart.load(root=library).records}
    # one title joins the foxes; one folder and artist joins Ben's fox and hen, not his oak
    assert groups["animals/fox_01"] == groups["animals/fox._02"] == groups["animals/hen"]
    assert len({groups[key] for key in groups}) == 4


def test_empty(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="folders png and svg"):
        openclipart.load(root=tmp_path)


def test_the_whole_library() -> None:
    try:
        root = find("openclipart")
        data = openclipart.load()
    except MissingDataError:
        pytest.skip("needs Open Clip Art (isthmus data get openclipart)")
    assert root is not None
    assert (len(data), len(data.skipped)) == (8116, 5)
    largest = next(r for r in data.records if r.id.endswith("stop_sign_miguel_s_nchez_"))
    with pytest.raises(MediaTooLargeError, match="declares 623 megapixels"):
        decode(largest.items["image"])
    stars = {r.group for r in data.records if r.items["text"].captions[0].startswith("gramastar")}
    assert len(stars) == 1
