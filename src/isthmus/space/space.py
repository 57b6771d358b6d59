"""Space: encoders, heads, banks and what is known about them, in one artefact."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.core.artifact import DOCUMENT, fingerprint, save_artifact
from isthmus.core.contracts import Encoder, Head, Progress
from isthmus.core.errors import DataError, FingerprintError, InputError
from isthmus.core.lazy import Brought
from isthmus.core.linalg import F32, Array
from isthmus.core.paths import expanded
from isthmus.core.reading import reading
from isthmus.core.registry import check_trust
from isthmus.core.validate import check_kind, check_vectors
from isthmus.core.view import Direction, View, no_view
from isthmus.core.wording import count, did_you_mean
from isthmus.pipeline import EncodedItems, encode_items
from isthmus.pipeline import cache as vector_cache
from isthmus.prompts.learned import LearnedPrompt
from isthmus.space import prompts as saved_prompts
from isthmus.space import starter
from isthmus.space.breadth import Breadth
from isthmus.space.calibration import Background, Calibration, native_nearness, nearness
from isthmus.space.card import model_card
from isthmus.space.document import KIND, halved, read_parts
from isthmus.space.encoder_ref import EncoderRef
from isthmus.space.readout import Readout, score
from isthmus.space.report import AnyReport, write_report
from isthmus.space.things import ELSEWHERE, Thing, as_items


class Space:
    """Heads that map native vectors of several views into one space.

    Args:
        heads: By view.
        banks: Training vectors in the space by view, ``(b, k)``, against which the
            ``instance`` read-out measures hubness.
        encoders: By view.
        report: How it was made and how good it is; None for one made by hand.
        csls_strength: How strongly the ``instance`` read-out corrects for hubness, 0…1.
        bank_ids: Ids of the records behind the rows of each bank; empty where they are
            not known, as in spaces of older releases.
        calibration: What scores mean, by direction.
        native_banks: Native training vectors of unit length by view, ``(b, dim)``, by which
            queries unlike all of them are told; some views may have none.
        breadths: What tells broad queries from narrow ones, for views where it is known.
        prompts: Learned prompts by name. They are no part of the fingerprint: vectors stay valid.

    Raises:
        DataError: If the ids of a bank are not as many as its rows.
    """

    classify = Brought()
    """:func:`isthmus.classify` of this space: ``space.classify("photo.jpg", ["cat", "dog"])``."""
    annotate = Brought()
    """:func:`isthmus.annotate` of this space: ``space.annotate("photo.jpg", ["cat", "night"])``."""

    def __init__(
        self,
        heads: Mapping[str, Head],
        banks: Mapping[str, F32],
        encoders: Mapping[str, EncoderRef],
        *,
        report: AnyReport | None = None,
        csls_strength: float = 1.0,
        bank_ids: Mapping[str, Sequence[str]] | None = None,
        calibration: Mapping[Direction, Calibration] | None = None,
        native_banks: Mapping[str, F32] | None = None,
        breadths: Mapping[str, Breadth] | None = None,
        prompts: Mapping[str, LearnedPrompt] | None = None,
    ) -> None:
        self.heads = dict(heads)
        self.banks = dict(banks)
        self.encoders = dict(encoders)
        self.report = report
        self.csls_strength = csls_strength
        self.bank_ids = {m: list((bank_ids or {}).get(m, ())) for m in self.banks}
        for m, names in self.bank_ids.items():
            if names and len(names) != len(self.banks[m]):
                raise DataError(
                    f"the bank of {m} has {count(len(self.banks[m]), 'row')}, but "
                    f"{count(len(names), 'id')}; give "
                    "one id a row, or none"
                )
        self.calibration = dict(calibration or {})
        self.native_banks = dict(native_banks or {})
        self.breadths = dict(breadths or {})
        self.prompts = dict(prompts or {})
        self._loaded: dict[str, Encoder] = {}
        self._bank_hubness: dict[str, F32] = {}

    @property
    def views(self) -> tuple[str, ...]:
        """What the space joins."""
        return tuple(self.heads)

    @property
    def modalities(self) -> dict[str, str]:
        """Modality by view."""
        return {view: self.encoders[view].modality for view in self.views}

    def view_of(self, modality: str, among: Sequence[str] = ()) -> str:
        """The view that items of a modality belong to.

        Args:
            modality: Of the items.
            among: Views to choose from; none stands for all.

        Raises:
            InputError: If no view reads them, or several do.
        """
        self._known(*among)
        known = self.modalities
        views = [view for view in among or self.views if known[view] == modality]
        if len(views) == 1:
            return views[0]
        if not views:
            joined = ", ".join(str(View(v, m)) for v, m in known.items() if v in (among or known))
            raise InputError(f"the space has no view of {modality}; its views are {joined}")
        raise InputError(
            f"the views {' and '.join(views)} all read {modality}; name the one you mean"
        )

    @property
    def dim(self) -> int:
        """Dimension of the space."""
        return next(iter(self.heads.values())).output_dim

    @property
    def fingerprint(self) -> str:
        """Names the encoders and heads exactly; vectors of another fingerprint do not fit."""
        document, tensors = self._heads_state()
        return fingerprint(document, tensors)

    def encoder(self, view: str) -> Encoder:
        """The frozen encoder of a view, loaded when first asked for."""
        self._known(view)
        if view not in self._loaded:
            self._loaded[view] = self.encoders[view].load()
        return self._loaded[view]

    @property
    def loaded(self) -> Mapping[str, Encoder]:
        """Encoders that were loaded or attached, by view."""
        return dict(self._loaded)

    def attach(self, encoder: Encoder, view: str | None = None) -> None:
        """Use an encoder object of the user's, if it is the one the space was made for.

        Args:
            encoder: What turns items into vectors.
            view: Whose it is; default: the only view of its modality.
        """
        name = self.view_of(encoder.modality) if view is None else view
        self._known(name)
        self.encoders[name].check(encoder)
        self._loaded[name] = encoder

    def transform(self, x: Array, view: str) -> F32:
        """Native vectors ``(n, dim)`` to unit vectors of the space ``(n, k)`` float32."""
        self._known(view)
        return self.heads[view](x)

    def embed(
        self,
        things: Thing | Iterable[Thing],
        view: str,
        *,
        cache: vector_cache.VectorCache | None = None,
        progress: Progress | None = None,
    ) -> EncodedItems:
        """Texts, files or vectors to unit vectors of the space.

        Args:
            things: One, or several: texts where the view's modality is text, else paths, bytes of
                files, pictures of Pillow or items. For a view of vectors, a matrix ``(n, dim)``.
            view: Which view they are of; never guessed.
            cache: Of native vectors.
            progress: Told as batches finish.

        Returns:
            Rows ``(n, k)``, with ``native`` vectors beside them; what could not be used is listed
            in ``failures`` and its row is zero.

        Raises:
            InputError: If the space has no such view, or a thing is of another kind.
            VectorError: If a vector has another dimension than the view.
        """
        if isinstance(things, str) and things in self.views and view not in self.views:
            raise InputError(
                "embed needs things first and then their view. Write: "
                f"space.embed({view!r:.60}, {things!r})"
            )
        self._known(view)
        ref = self.encoders[view]
        items = as_items(things, ref.modality, ref.dim)
        native = encode_items(items, self.encoder(view), cache=cache, progress=progress, name=view)
        out = np.zeros((len(items), self.dim), dtype=np.float32)
        if native.ok.any():
            out[native.ok] = self.transform(native.vectors[native.ok], view)
        return EncodedItems(out, native.ok, native.failures, native.vectors)

    def score(
        self,
        queries: F32,
        query_view: str,
        gallery: F32,
        gallery_view: str,
        *,
        readout: Readout = "instance",
    ) -> F32:
        """Scores ``(q, g)`` of vectors of the space; larger is better.

        ``instance`` finds the one that belongs, ``semantic`` what is alike in kind; see
        :func:`isthmus.space.readout.score`.
        """
        self._known(query_view, gallery_view)
        for name, x in (("queries", queries), ("gallery", gallery)):
            check_vectors(x, name=name, dim=self.dim, allow_zero=True)
        return score(
            queries,
            gallery,
            readout=readout,
            query_bank=self.banks[query_view],
            gallery_bank=self.banks[gallery_view],
            csls_strength=self.csls_strength,
        )

    def hubness(self, vectors: F32, view: str) -> F32:
        """How near vectors of the space are to what it was made from.

        Args:
            vectors: ``(n, k)`` unit vectors.
            view: Theirs.

        Returns:
            ``(n, len(self.views))``: mean cosine to the ten nearest in the bank of each.
        """
        self._known(view)
        return np.column_stack([nearness(vectors, self.banks[m]) for m in self.views])

    def typical(self, view: str) -> F32:
        """``(k,)``, the mean of a view's bank; zeros where the bank is empty."""
        self._known(view)
        bank = self.banks[view]
        return bank.mean(axis=0) if len(bank) else np.zeros(self.dim, dtype=np.float32)

    def bank_hubness(self, view: str) -> F32:
        """:meth:`hubness` of a view's own bank, ``(b, len(self.views))``; found once."""
        if view not in self._bank_hubness:
            self._bank_hubness[view] = self.hubness(self.banks[view], view)
        return self._bank_hubness[view]

    def query_background(
        self, query: F32, view: str, item_view: str, native: F32 | None = None
    ) -> Background:
        """What calibrations need to know of queries.

        Args:
            query: ``(q, k)`` unit vectors of the space.
            view: Theirs.
            item_view: Of what they are compared with.
            native: ``(q, dim)``, what the encoder gave for them; without it nonsense is told
                from questions less often.
        """
        self._known(item_view)
        return self.backgrounds(query, view, native)[item_view]

    def backgrounds(
        self, query: F32, view: str, native: F32 | None = None
    ) -> dict[str, Background]:
        """:meth:`query_background` for items of every view, at little more than one's cost.

        Of one query ``native`` may hold more rows, of other spellings: the most familiar counts.
        """
        near = self.hubness(query, view)
        own = near[:, self.views.index(view)]
        familiar = None
        if native is not None and view in self.native_banks:
            near_own = native_nearness(native, self.native_banks[view])
            familiar = near_own if len(native) == len(query) else near_own.max(keepdims=True)
        line = self.breadths.get(view)
        broad = None if native is None or line is None else line.of(native[: len(query)])
        return {
            name: Background(near[:, column], own, familiar, broad)
            for column, name in enumerate(self.views)
        }

    def emergent(self, directions: Iterable[Direction]) -> list[Direction]:
        """Those of some directions whose views shared no record in training."""
        paired = () if self.report is None else self.report.paired
        return [each for each in directions if each.pair not in paired]

    def save(self, folder: str | Path, *, compact: bool = False) -> Path:
        """Write the space: JSON, safetensors and a model card, whole or not at all.

        Args:
            folder: Where to.
            compact: Whether banks are kept with half the digits (float16), and arrays of heads
                that lose nothing by it.
        """
        document, tensors = self._heads_state()
        document["report"] = write_report(self.report)
        document["csls_strength"] = self.csls_strength
        document["calibration"] = [
            {"direction": direction.to_json(), "learned": each.to_json()}
            for direction, each in self.calibration.items()
        ]
        document["fingerprint"] = self.fingerprint
        kind = np.float16 if compact else np.float32
        if compact:
            tensors = halved(tensors)
        for place, view in enumerate(self.views):
            document["views"][place]["bank_ids"] = self.bank_ids[view]
            tensors[f"bank.{place}"] = self.banks[view].astype(kind)
            if view in self.native_banks:
                tensors[f"native.{place}"] = self.native_banks[view].astype(np.float16)
            if view in self.breadths:
                tensors[f"breadth.{place}"] = self.breadths[view].row()
        if self.prompts:  # releases that know none can still read the others
            document["prompts"], rows = saved_prompts.written(self.prompts, self.views, self.dim)
            tensors |= rows
        card = model_card(self.report, self.views, self.fingerprint)
        save_artifact(Path(folder), KIND, document, tensors, {"README.md": card})
        return Path(folder)

    @classmethod
    def load(cls, folder: str | Path, *, trust: str | Sequence[str] = ()) -> Space:
        """Read a space. Nothing that it names is imported or run before an encoder is needed.

        Args:
            folder: Where it is; ``"starter"`` is the one that comes with the package, unless
                a space lies in a folder of that name.
            trust: Packages whose classes its encoders may be, besides those that come with
                isthmus: ``["my_package"]``. Loading such an encoder runs code of the package.
                And servers that it may send items to: ``["http://localhost:8080"]``, with a key
                of yours ``["https://api.example.com?key=API_KEY"]``.

        Raises:
            ArtifactError: If there is none, it is damaged, or of another format version.
            FingerprintError: If its parts do not belong together.
            InputError: If ``trust`` holds what is no name of a package.
        """
        check_kind(
            folder, (str, Path), "a space", need="its folder", example="Space.load('my-space')"
        )
        trusted = check_trust(trust)
        folder = expanded(folder)
        if str(folder) == starter.NAME and not (Path(folder) / DOCUMENT).is_file():
            folder = starter.folder()
        with reading(folder):
            parts, saved = read_parts(folder, trusted)
            space = cls(**vars(parts))
        if space.fingerprint != saved:
            raise FingerprintError(
                f"{folder}: its files do not belong together; copy the folder again, or make the "
                "space again"
            )
        return space

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Say where to find what people look for here."""
            hint = ELSEWHERE.get(name) or did_you_mean(name, dir(type(self)))
            raise AttributeError(f"a Space has no {name!r}.{hint}")

    def __repr__(self) -> str:
        joined = " + ".join(f"{m} ({self.encoders[m].spec})" for m in self.views)
        return f"Space({joined}, dim={self.dim}, fingerprint={self.fingerprint[:12]})"

    def _heads_state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """What the fingerprint names."""
        # Arrays are called by the place of their view: a name of the user's may hold anything.
        rows: list[dict[str, Any]] = []
        tensors: dict[str, Array] = {}
        for place, (view, head) in enumerate(self.heads.items()):
            state, arrays = head.state()
            ref = self.encoders[view]
            rows.append(
                {
                    "view": view,
                    "head": {"kind": head.kind, "state": state},
                    "encoder": ref.to_json(),
                }
            )
            tensors |= {f"head.{place}.{name}": array for name, array in arrays.items()}
            tensors |= {f"encoder.{place}.{name}": array for name, array in ref.tensors.items()}
        return {"views": rows}, tensors

    def _known(self, *views: str) -> None:
        for view in views:
            if not isinstance(view, str) or view not in self.heads:
                raise no_view(view, self.views)
