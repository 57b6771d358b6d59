"""Models and spaces whose views were joined before: opened, each as a space."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from isthmus.aligners.affine import UnitHead
from isthmus.core.artifact import DOCUMENT
from isthmus.core.contracts import Encoder, joint_of
from isthmus.core.errors import InputError
from isthmus.core.paths import expanded, is_folder, why_missing
from isthmus.core.validate import check_kind
from isthmus.core.view import ViewPair
from isthmus.core.wording import way
from isthmus.encoders import ENCODERS, modalities, resolve, split_spec
from isthmus.encoders.model_files import licence_of
from isthmus.space import EncoderRef, Space, starter
from isthmus.space.report import Origin, PretrainedModel, StarterReport

Pretrained = str | Path | Space | Mapping[str, Encoder]
"""An id of an encoder, the folder of a space, a space, or the encoders of one model by view."""


@dataclass(frozen=True, eq=False)
class Base:
    """What others are joined to.

    Attributes:
        space: Its heads stay.
        origin: Where they come from.
    """

    space: Space
    origin: Origin

    @property
    def name(self) -> str:
        """What the user called it."""
        return " + ".join(model.name for model in self.origin.models)


def opened(model: Pretrained, trust: Sequence[str] = ()) -> Base:
    """A model or a space as a space whose heads stay.

    Args:
        model: What names it.
        trust: Packages that a saved space may load encoders from.

    Raises:
        InputError: If it is none, reads one modality only, or its towers do not share a space.
        ArtifactError: If a folder cannot be read.
    """
    check_kind(
        model,
        (str, Path, Space, Mapping),
        "a pretrained model",
        need="its id, or the folder of a space",
        example="isthmus.from_pretrained('hf:openai/clip-vit-base-patch32')",
    )
    if isinstance(model, Space):
        return _of_space(model, f"space {model.fingerprint[:12]}")
    if isinstance(model, Mapping):
        name = " + ".join(dict.fromkeys(encoder.id for encoder in model.values()))
        return _of_encoders(name, "", model)
    if is_space(model):
        return _of_space(Space.load(model, trust=trust), str(model))
    spec = str(model)
    _check_named(spec)
    views = modalities(spec)
    if len(views) < 2:
        one = views[0]
        raise InputError(
            f"{spec} reads {one} only, so there is nothing to join; name two encoders: "
            + way(
                python=f"isthmus.align(data, {{{one!r}: {spec!r}, 'other': …}})",
                shell=f"isthmus align DATA -e {shlex.quote(f'{one}={spec}')} -e OTHER=…",
            )
        )
    return _of_encoders(spec, spec, {view: resolve(spec, {}, modality=view) for view in views})


def _check_named(spec: str) -> None:
    """Refuse what is no folder of a space and has not the form of a model's name either."""
    name = spec.partition("?")[0]
    if ":" in name or name in ENCODERS or split_spec(spec) != [spec]:
        return
    what = "holds no space" if expanded(spec).exists() else "is no folder"
    inside = f" If a model of transformers lies in it, write hf:{spec}." if is_folder(spec) else ""
    raise InputError(
        f"{spec!r} {what}, and no model has this name.{inside} Give the folder of a space, or a "
        "model whose modalities are joined already, such as hf:openai/clip-vit-base-patch32."
        f"{why_missing(spec)}"
    )


def is_space(model: str | Path) -> bool:
    """Whether a name is that of a saved space."""
    folder = Path(expanded(model))
    return (folder / DOCUMENT).is_file() or str(model) == starter.NAME


def _of_space(space: Space, name: str) -> Base:
    report = space.report
    origin = None if report is None or isinstance(report, StarterReport) else report.origin
    licences = () if origin is None else (model.licence for model in origin.models)
    kept = PretrainedModel(
        name=name,
        views=space.views,
        licence=", ".join(dict.fromkeys(filter(None, licences))),
        pairs=() if report is None else _pairs_of(report.paired, space.views),
    )
    return Base(space, Origin(models=(kept,), fixed=space.views))


def _pairs_of(pairs: Sequence[ViewPair], views: Sequence[str]) -> tuple[ViewPair, ...]:
    return tuple(pair for pair in pairs if {pair.a, pair.b} <= set(views))


def _of_encoders(name: str, spec: str, encoders: Mapping[str, Encoder]) -> Base:
    """A space whose heads only scale to unit length."""
    _check_joint(name, encoders)
    licences = dict.fromkeys(filter(None, map(licence_of, encoders.values())))
    space = Space(
        {view: UnitHead(encoder.dim) for view, encoder in encoders.items()},
        {view: np.zeros((0, each.dim), np.float32) for view, each in encoders.items()},
        {view: EncoderRef.of(encoder, spec) for view, encoder in encoders.items()},
        csls_strength=0.0,  # the model's own order is that of cosines
    )
    for view, encoder in encoders.items():
        space.attach(encoder, view)
    kept = PretrainedModel.of(name, tuple(encoders), ", ".join(licences))
    return Base(space, Origin(models=(kept,), fixed=tuple(encoders)))


def _check_joint(name: str, encoders: Mapping[str, Encoder]) -> None:
    """Refuse towers whose vectors cannot be compared.

    Raises:
        InputError: Saying which, and why.
    """
    if len(encoders) < 2:
        only = ", ".join(encoders) or "nothing"
        raise InputError(f"{name} reads {only} only, so there is nothing to join; need two views")
    joints = {view: joint_of(encoder) for view, encoder in encoders.items()}
    if lacking := [view for view, joint in joints.items() if not joint]:
        raise InputError(
            f"{name}: its vectors of {' and '.join(lacking)} lie in no space that it shares with "
            "others (a middle layer or another pooling does not), so cosines say nothing; leave "
            "such options out, or align the encoders with pairs: isthmus align DATA"
        )
    dims = {view: encoder.dim for view, encoder in encoders.items()}
    if len(set(joints.values())) > 1 or len(set(dims.values())) > 1:
        listed = ", ".join(f"{view}: {joint} ({dims[view]})" for view, joint in joints.items())
        raise InputError(
            f"{name}: its encoders lie in different spaces ({listed}); give towers of one model, "
            "or join two models: "
            + way(python="from_pretrained([first, second])", shell="--pretrained A --pretrained B")
        )
