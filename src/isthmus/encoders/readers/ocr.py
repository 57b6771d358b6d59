"""Words in pictures: PP-OCRv6 (small), as the package ``rapidocr`` ships it.

Three models: one finds lines, one turns those that stand on their head, one recognises signs:
Chinese, English, Japanese and other languages in Latin letters. Cui et al., "PaddleOCR 3.0
Technical Report", 2025.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from isthmus.core.artifact import fingerprint
from isthmus.core.extras import require
from isthmus.core.passage import Passage
from isthmus.encoders.base import verified

MODELS = {
    "Det": (
        "PP-OCRv6_det_small.onnx",
        "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
    ),
    "Cls": (
        "ch_ppocr_mobile_v2.0_cls_mobile.onnx",
        "e47acedf663230f8863ff1ab0e64dd2d82b838fceb5957146dab185a89d6215c",
    ),
    "Rec": (
        "PP-OCRv6_rec_small.onnx",
        "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
    ),
}
SIDE = 1280
"""Longer side in pixels at which lines are looked for. The package enlarges small pictures to 736
pixels and looks at large ones at 2,000: that takes 7 times as long on Tux Paint's pictures, and
reads no word more of 14 pixels or taller there (``benchmarks/reading.py``)."""
_LEAST_SIGNS = 2
"""A line of one letter or digit is more often a ring or a stroke than a word."""
_SURE_IF_SHORT = 0.8
"""Confidence that a line of one or two signs needs. In the 274 Tux Paint pictures that
``benchmarks/reading.py`` does not use, 13 such lines are read that nobody wrote; 3 pass. Of two
letters or digits that were drawn below them and read right 121 of 124 pass, and of one Chinese sign
155 of 157. The package asks for .5 of all lines."""
_PURPOSE = "reading the words in pictures"


class PictureReader:
    """Reads the lines of a picture, from top to bottom; see :class:`isthmus.encoders.readers`."""

    side = SIDE

    def __init__(self) -> None:
        self.fingerprint = fingerprint(
            {
                "reader": "rapidocr",
                "models": MODELS,
                "side": SIDE,
                "least": _LEAST_SIGNS,
                "sure": _SURE_IF_SHORT,
            }
        )
        self._model: Any = None

    def check(self) -> None:
        """See whether the package is there."""
        require("rapidocr", extra="ocr", purpose=_PURPOSE)

    def read(self, decoded: Any) -> list[Passage]:
        """The lines of a picture in RGB."""
        pixels = np.ascontiguousarray(np.asarray(decoded.convert("RGB"))[:, :, ::-1])  # BGR
        found = self._loaded()(pixels)
        if found.txts is None:
            return []
        rows = zip(found.txts, found.scores, strict=True)
        return [
            Passage(text, confidence=float(score))
            for line, score in rows
            if _is_text(text := " ".join(line.split()), score)
        ]

    def _loaded(self) -> Any:
        if self._model is None:
            module = require("rapidocr", extra="ocr", purpose=_PURPOSE)
            folder = Path(str(module.__file__)).parent / "models"
            # A path that is named is never downloaded.
            models = {
                f"{part}.model_path": str(verified(folder / name, digest))
                for part, (name, digest) in MODELS.items()
            }
            threads = {
                f"EngineConfig.onnxruntime.{kind}_op_num_threads": 1 for kind in ("intra", "inter")
            }
            settings = {
                "Global.log_level": "critical",
                "Global.max_side_len": SIDE,
                "Det.limit_type": "max",
                "Det.limit_side_len": SIDE,
            }
            self._model = module.RapidOCR(params={**settings, **threads, **models})
        return self._model


def _is_text(line: str, confidence: float) -> bool:
    """Whether a line is long enough to be one, or short and surely there.

    Examples:
        >>> _is_text("O", 1), _is_text("猫", 0.9), _is_text("No 5", 0.6), _is_text("--", 1)
        (False, True, True, False)
        >>> _is_text("UU", 0.6), _is_text("UU", 0.9), _is_text("福", 0.6)
        (False, True, False)
    """
    signs = [sign for sign in line if sign.isalnum()]
    if len(signs) > _LEAST_SIGNS:
        return True
    long_enough = len(signs) == _LEAST_SIGNS or any(ord(sign) >= _FIRST_OF_CJK for sign in signs)
    return long_enough and confidence >= _SURE_IF_SHORT


_FIRST_OF_CJK = 0x2E80
"""From there on one sign may be a word."""
