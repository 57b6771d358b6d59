"""``st:``: vectors are those of the library, whatever batch they are in, and nothing is opened."""

from __future__ import annotations

import builtins
import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.encoders import hf_models

from isthmus import encoders
from isthmus.core.errors import (
    ArtifactError,
    InputError,
    IntegrityError,
    MissingDataError,
    MissingExtraError,
    UntrustedError,
)
from isthmus.core.item import Waveform
from isthmus.encoders.parts import parts_of
from isthmus.encoders.sentence import SentenceEncoder

CAPTIONS = [
    "a red kangaroo",
    "the dog",
    "a red kangaroo jumps over the lazy dog and sings to the boat",
    "boat",
]
STRANGE = ["http://10.0.0.1/x.png", "/etc/hostname", "file:///etc/x.jpg", "https://youtu.be/x"]
TOLERANCE = 1e-5


@pytest.fixture(scope="module", autouse=True)
def library() -> Any:
    """The library, which takes seconds to import: not in workers that run none of these tests."""
    found = pytest.importorskip(
        "sentence_transformers", minversion="6", reason="needs isthmus[st], which brings it"
    )
    import torch

    torch.set_num_threads(1)
    return found


@pytest.fixture(scope="module")
def models(library: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of tiny models: pooled, with a prompt, with a last layer of their own, joint."""
    import torch
    from sentence_transformers.sentence_transformer import modules

    torch.manual_seed(0)
    home = tmp_path_factory.mktemp("models")
    bert = modules.Transformer(str(hf_models.text_model("Bert")(home / "bert")))
    prompts = {"query": "the dog ", "document": "a boat "}
    made = {
        "mean": [bert, modules.Pooling(32, "mean")],
        "unit": [bert, modules.Pooling(32, "mean"), modules.Normalize()],
        "wide": [bert, modules.Pooling(32, ("mean", "max"))],
        "dense": [bert, modules.Pooling(32, "cls"), modules.Dense(32, 12)],
        "clip": [modules.Transformer(str(hf_models.clip(home / "clip_parts")))],
        "clap": [modules.Transformer(str(hf_models.clap(home / "clap_parts")))],
    }
    for name, parts in made.items():
        own = prompts if name == "unit" else None
        library.SentenceTransformer(modules=parts, prompts=own).save(str(home / name))
    return home


def encoder(models: Path, name: str, **options: Any) -> SentenceEncoder:
    made = encoders.load(f"st:{models / name}", **options)
    assert isinstance(made, SentenceEncoder)
    return made


def reference(models: Path, name: str) -> Any:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(models / name), device="cpu", local_files_only=True)


def encoded(made: SentenceEncoder, items: list[Any], size: int = 32) -> np.ndarray:
    prepared = [made.prepare(item) for item in items]
    parts = [made.encode(prepared[i : i + size]) for i in range(0, len(items), size)]
    return np.concatenate(parts)


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=1, keepdims=True)


@pytest.mark.parametrize("name", ["mean", "unit", "wide", "dense"])
def test_texts_are_as_the_library_encodes_them_in_any_batch(models: Path, name: str) -> None:
    made, items = encoder(models, name), [text for _ in range(9) for text in CAPTIONS + STRANGE]
    expected = unit(reference(models, name).encode(items, normalize_embeddings=True))
    assert made.dim == expected.shape[1] == {"wide": 64, "dense": 12}.get(name, 32)
    for size in (1, 32):
        np.testing.assert_allclose(encoded(made, items, size), expected, atol=TOLERANCE)


def test_several_captions_are_the_unit_mean_of_theirs(models: Path) -> None:
    made = encoder(models, "mean")
    apart = encoded(made, CAPTIONS[:2])
    together = encoded(made, [tuple(CAPTIONS[:2])])
    np.testing.assert_allclose(together, unit(apart.mean(axis=0, keepdims=True)), atol=1e-6)


def test_queries_and_documents_have_the_prompts_of_the_model(models: Path) -> None:
    own, told = reference(models, "unit"), {}
    for task in ("query", "document", "none"):
        told[task] = encoded(encoder(models, "unit", task=task), CAPTIONS)
    np.testing.assert_allclose(told["query"], own.encode_query(CAPTIONS), atol=TOLERANCE)
    np.testing.assert_allclose(told["document"], own.encode_document(CAPTIONS), atol=TOLERANCE)
    np.testing.assert_allclose(told["none"], own.encode(CAPTIONS), atol=TOLERANCE)
    assert np.abs(told["query"] - told["none"]).max() > 0.01
    given = encoded(encoder(models, "unit", prompt="the dog "), CAPTIONS)
    np.testing.assert_allclose(given, told["query"], atol=TOLERANCE)
    kinds = [{}, {"task": "query"}, {"task": "document"}, {"prompt": "the dog "}, {"dim": 8}]
    assert len({encoder(models, "unit", **kind).fingerprint for kind in kinds}) == len(kinds)


def test_vectors_are_cut_where_the_user_says(models: Path) -> None:
    made = encoder(models, "mean", dim=8)
    expected = reference(models, "mean").encode(CAPTIONS, truncate_dim=8)
    assert made.dim == 8
    np.testing.assert_allclose(encoded(made, CAPTIONS), unit(expected), atol=TOLERANCE)


def test_a_joint_model_gives_towers_of_one_space(models: Path) -> None:
    assert encoders.modalities(f"st:{models / 'clip'}") == ("text", "image")
    with pytest.raises(InputError, match=r"reads text, image; say which: .*\?modality=text or"):
        encoder(models, "clip")
    text, image = (encoder(models, "clip", modality=each) for each in ("text", "image"))
    assert text.joint == image.joint != "" and text.fingerprint != image.fingerprint
    assert text.logit_scale == pytest.approx(
        float(reference(models, "clip")[0].model.logit_scale.exp().detach()), rel=1e-6
    )
    pictures = [hf_models.picture(40 + 7 * i, 90 - 5 * i, i) for i in range(12)]
    own = reference(models, "clip")
    expected = own.encode(pictures, normalize_embeddings=True)
    for size in (1, 32):
        np.testing.assert_allclose(encoded(image, pictures, size), expected, atol=TOLERANCE)
    said = own.encode([{"text": each} for each in CAPTIONS], normalize_embeddings=True)
    for size in (1, 32):
        np.testing.assert_allclose(encoded(text, CAPTIONS, size), said, atol=TOLERANCE)
    assert encoder(models, "mean").joint == ""


def test_one_model_is_in_memory_for_all_its_towers(models: Path) -> None:
    text, image = (encoder(models, "clip", modality=each) for each in ("text", "image"))
    encoded(text, CAPTIONS[:1])
    encoded(image, [hf_models.picture(40, 40)])
    assert text._model.module() is image._model.module()


def test_sounds_are_heard_in_windows_that_the_model_takes(models: Path) -> None:
    made, own = encoder(models, "clap", modality="audio"), reference(models, "clap")
    rate = own[0].processor.feature_extractor.sampling_rate
    window = own[0].processor.feature_extractor.nb_max_samples
    sounds = [
        hf_models.sound(part * window / rate, rate, i) for i, part in enumerate((0.3, 0.71, 1.0))
    ]
    alone = [
        own.encode({"audio": {"array": each, "sampling_rate": rate}}, normalize_embeddings=True)
        for each in sounds
    ]
    items = [Waveform(each, rate) for each in sounds]
    for size in (1, 32):
        np.testing.assert_allclose(encoded(made, items, size), np.stack(alone), atol=TOLERANCE)
    # Two windows and a rest that is too short to be heard: the mean of the two.
    long = np.concatenate([sounds[2], np.roll(sounds[2], 999), sounds[0][: rate // 20]])
    halves = [sounds[2], np.roll(sounds[2], 999)]
    parts = [own.encode({"audio": {"array": each, "sampling_rate": rate}}) for each in halves]
    found = encoded(made, [Waveform(long, rate)])
    np.testing.assert_allclose(found[0], unit(np.mean(parts, axis=0)[None])[0], atol=TOLERANCE)


@pytest.fixture
def touched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Files and hosts that somebody asks for; no such host is reached."""
    asked: list[str] = []
    real = builtins.open

    def watched(file: Any, *more: Any, **named: Any) -> Any:
        asked.append(str(file))
        return real(file, *more, **named)

    def refused(host: Any, *_: Any, **__: Any) -> Any:
        asked.append(str(host))
        raise OSError("no network here")

    monkeypatch.setattr(builtins, "open", watched)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: refused(address))
    return asked


def test_captions_that_look_like_paths_and_addresses_are_words(
    models: Path, tmp_path: Path, touched: list[str]
) -> None:
    picture = tmp_path / "seen.png"
    hf_models.picture(40, 40).save(picture)
    captions = [*STRANGE, str(picture), picture.as_uri()]
    made = encoder(models, "clip", modality="text")
    encoded(made, CAPTIONS)
    own = made._model.module()
    touched.clear()
    found = encoded(made, captions, 1)
    assert touched == []
    said = own.encode([{"text": each} for each in captions], normalize_embeddings=True)
    np.testing.assert_allclose(found, said, atol=TOLERANCE)
    # The library alone would look at the picture, and ask for the address.
    with pytest.raises(Exception, match=r"10\.0\.0\.1|no network"):
        own.encode([STRANGE[0]])
    assert any("10.0.0.1" in each for each in touched)


def test_what_makes_the_encoder_again_makes_the_very_same(models: Path) -> None:
    made = encoder(models, "unit", task="query", dim=9)
    assert made.options() == {"modality": "text", "task": "query", "dim": 9}
    assert encoders.load(made.id, **made.options()).fingerprint == made.fingerprint


def test_a_folder_is_known_by_its_content(models: Path, tmp_path: Path) -> None:
    shutil.copytree(models / "mean", tmp_path / "copy")
    there, here = encoder(models, "mean"), encoders.load(f"st:{tmp_path / 'copy'}")
    assert here.fingerprint == there.fingerprint
    settings = tmp_path / "copy" / "1_Pooling" / "config.json"
    settings.write_text(settings.read_text().replace('"mean"', '"max"'))
    changed = SentenceEncoder(*_parts(f"st:{tmp_path / 'copy'}"), trust=False)
    assert changed.fingerprint != there.fingerprint


def _parts(called: str) -> Any:
    from isthmus.encoders.sentence import _open
    from isthmus.encoders.sentence_folder import SentenceFolder
    from isthmus.encoders.torch_model import Running

    folder = SentenceFolder(_open(called.removeprefix("st:"), ""), trust=False)
    return called, folder, "text", Running(), {"task": "none"}


def test_a_plain_transformer_gets_the_mean_of_its_tokens(models: Path) -> None:
    made = encoder(models, "bert")
    expected = reference(models, "mean").encode(CAPTIONS)
    np.testing.assert_allclose(encoded(made, CAPTIONS), unit(expected), atol=TOLERANCE)


def test_files_of_older_releases_are_understood(library: Any, models: Path, tmp_path: Path) -> None:
    folder = tmp_path / "old"
    shutil.copytree(models / "mean", folder)
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 16}')
    pooling = {"word_embedding_dimension": 32, "pooling_mode_mean_tokens": True}
    pooling |= {"pooling_mode_cls_token": False, "pooling_mode_max_tokens": True}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    listed = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (kind, path) in enumerate({"Transformer": "", "Pooling": "1_Pooling"}.items())
    ]
    (folder / "modules.json").write_text(json.dumps(listed))
    made = encoders.load(f"st:{folder}")
    assert made.modality == "text" and made.dim == 64
    expected = library.SentenceTransformer(str(folder), device="cpu").encode(CAPTIONS)
    np.testing.assert_allclose(encoded(made, CAPTIONS), unit(expected), atol=TOLERANCE)


def test_code_that_comes_with_a_model_is_not_run(models: Path, tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    shutil.copytree(models / "mean", folder)
    listed = json.loads((folder / "modules.json").read_text())
    listed[1]["type"] = "mine.Pooling"
    (folder / "modules.json").write_text(json.dumps(listed))
    (folder / "mine.py").write_text("raise SystemExit('it ran')")
    with pytest.raises(UntrustedError, match=r"mine\.Pooling.*\?trust_remote_code=true"):
        encoders.load(f"st:{folder}")
    with pytest.raises(UntrustedError, match="trust_remote_code"):
        encoders.modalities(f"st:{folder}")


def test_weights_that_are_not_whole_are_refused(models: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    folder = tmp_path / "holes"
    shutil.copytree(models / "mean", folder)
    tensors = load_file(folder / "model.safetensors")
    lost = next(name for name in tensors if name.endswith("layer.1.output.dense.weight"))
    del tensors[lost]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    made = encoders.load(f"st:{folder}")
    with pytest.raises(IntegrityError, match=r"lack .*layer\.1\.output\.dense\.weight"):
        encoded(made, CAPTIONS)
    (folder / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(ArtifactError, match="cannot be read from"):
        encoded(encoders.load(f"st:{folder}?dim=31"), CAPTIONS)


def test_a_last_layer_needs_its_weights_and_may_be_of_an_older_kind(
    models: Path, tmp_path: Path
) -> None:
    import torch
    from safetensors.torch import load_file

    folder = tmp_path / "half"
    shutil.copytree(models / "dense", folder)
    expected = encoded(encoder(models, "dense"), CAPTIONS)
    new = next(folder.glob("2_Dense/model.safetensors"))
    torch.save(load_file(new), new.with_name("pytorch_model.bin"))
    new.unlink()
    np.testing.assert_allclose(encoded(encoders.load(f"st:{folder}"), CAPTIONS), expected)
    new.with_name("pytorch_model.bin").unlink()
    with pytest.raises(MissingDataError, match=r"there are no weights in .*2_Dense"):
        encoders.load(f"st:{folder}?threads=1")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"modality": "image"}, "reads text, and not 'image'"),
        ({"task": "ask"}, "task"),
        ({"dim": 0}, "dim must be 1 or more"),
        ({"device": "tpu"}, "device must be one of"),
        ({"threads": 0}, "threads must be 1 to"),
        ({"revision": "main"}, "a folder has no revision"),
    ],
)
def test_options_that_do_not_fit_are_told(models: Path, options: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        encoder(models, "mean", **options)


def test_words_of_a_caption_can_be_told_apart(models: Path) -> None:
    made = encoder(models, "mean")
    found = parts_of(made, ("a red kangaroo jumps",))
    assert [each.text for each in found.places] == ["a", "red", "kangaroo", "jumps"]
    with pytest.raises(InputError, match="cannot say which parts of image count"):
        parts_of(encoder(models, "clip", modality="image"), hf_models.picture(40, 40))


def test_a_module_outside_of_the_folder_is_refused(models: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    shutil.copytree(models / "mean", folder)
    listed = json.loads((folder / "modules.json").read_text())
    listed[1]["path"] = "../mean/1_Pooling"
    (folder / "modules.json").write_text(json.dumps(listed))
    with pytest.raises(ArtifactError, match=r"names a folder outside: '\.\./mean"):
        encoders.load(f"st:{folder}")


def test_a_missing_library_is_named_with_the_line_that_installs_it(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = encoder(models, "mean", batch_size=3)
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'isthmus\[st\]'"):
        encoded(made, CAPTIONS)


def test_a_prompt_stands_before_texts_only(models: Path) -> None:
    with pytest.raises(InputError, match="a prompt stands before texts"):
        encoder(models, "clip", modality="image", prompt="a ")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("./nowhere", "there is no such folder"),
        ("all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2 is not in .* while offline"),
        ("org/some-model", "org/some-model is not in .* while offline"),
    ],
)
def test_offline_nothing_is_fetched(
    name: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, touched: list[str]
) -> None:
    monkeypatch.setenv("ISTHMUS_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(MissingDataError, match=says):
        encoders.load(f"st:{name}")
    assert not any(str(each).startswith("http") or "huggingface" in each for each in touched)


def test_what_the_hub_has_kept_is_used_and_pinned(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = "0123456789abcdef" * 2 + "01234567"
    place = tmp_path / "models--sentence-transformers--tiny"
    shutil.copytree(models / "mean", place / "snapshots" / commit)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(commit)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("ISTHMUS_OFFLINE", "1")
    made = encoders.load("st:tiny")
    assert made.options() == {"modality": "text", "revision": commit}
    expected = reference(models, "mean").encode(CAPTIONS)
    np.testing.assert_allclose(encoded(made, CAPTIONS), unit(expected), atol=TOLERANCE)


def test_its_files_tell_what_it_is_before_the_library_is_imported(models: Path) -> None:
    name = f"st:{models / 'clip'}"
    code = (
        "import sys; from isthmus import encoders\n"
        f"print(encoders.modalities({name!r}))\n"
        f"made = encoders.load({name!r}, modality='image')\n"
        "print(made.dim, len(made.fingerprint))\n"
        "assert not {'torch', 'transformers', 'sentence_transformers'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split("\n")[:2] == ["('text', 'image')", "20 32"], done.stderr
    assert done.returncode == 0
