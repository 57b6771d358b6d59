"""Kinds of models, by the ``model_type`` in their ``config.json``: what they read, and with what.

Sizes are read from the configuration, so that a model's dimension is known before torch is
imported. The defaults are those of transformers' configuration classes, which leave out of a file
what equals them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from isthmus.core.view import AUDIO, IMAGE, TEXT, VIDEO

Config = Mapping[str, Any]

CLS, MEAN, LAST, MAX = "cls", "mean", "last", "max"
POOLS = (MEAN, CLS, LAST, MAX)
"""Ways to make one vector of many: their mean, the first one, the last one that is no padding, the
largest of each number."""


@dataclass(frozen=True, slots=True)
class Size:
    """A number of a configuration.

    Attributes:
        key: Its name there.
        default: What it is where the configuration leaves it out.
    """

    key: str
    default: int

    def of(self, *configs: Config) -> int:
        """The number, in the first of several that has it."""
        for config in configs:
            found = config.get(self.key)
            if isinstance(found, int) and not isinstance(found, bool):
                return found
        return self.default


@dataclass(frozen=True, slots=True)
class Tower:
    """The part of a model that reads one modality.

    Attributes:
        modality: What it reads.
        model: The class of transformers that holds it.
        section: Of the configuration that describes it; empty for all of it.
        output: Name of the vector that the model makes itself; empty where it makes none that is
            trained, so that its tokens are pooled.
        pool: How its tokens are pooled where nothing else is said.
        size: Length of ``output``; of the configuration's section or of the whole one.
        width: Channels of a token.
        depth: How many layers it has.
        heads: Of attention.
        prefix: Tokens before those of the picture or sound.
        registers: How many more the configuration says there are.
        joint: Whether its ``output`` can be compared with that of the model's other towers.
        positions: Tokens of a text it can read, and how many of them no text uses.
        layers: Whether its hidden layers are all of one width, so that one can be chosen.
        keep: Name of the part of ``model`` that is used.
    """

    modality: str
    model: str
    section: str = ""
    output: str = ""
    pool: str = MEAN
    size: Size = Size("hidden_size", 768)
    width: Size = Size("hidden_size", 768)
    depth: Size = Size("num_hidden_layers", 12)
    heads: Size = Size("num_attention_heads", 12)
    prefix: int = 0
    registers: Size = Size("num_register_tokens", 0)
    joint: bool = False
    positions: tuple[Size, int] = (Size("max_position_embeddings", 512), 0)
    layers: bool = True
    keep: str = ""

    def part(self, config: Config) -> Config:
        """What a whole configuration says of this tower; old files say it in two places."""
        if not self.section:
            return config
        old = config.get(f"{self.section}_dict") or {}
        return {**(config.get(self.section) or {}), **old}


def _text(model: str = "AutoModel", **sizes: Any) -> Tower:
    return Tower(TEXT, model, **sizes)


def _image(model: str = "AutoModel", **sizes: Any) -> Tower:
    return Tower(IMAGE, model, **{"prefix": 1, "pool": CLS, **sizes})


_BERT = _text()
_ROBERTA = _text(positions=(Size("max_position_embeddings", 512), 2))
_DISTILBERT = replace(
    _BERT,
    size=Size("dim", 768),
    width=Size("dim", 768),
    depth=Size("n_layers", 6),
    heads=Size("n_heads", 12),
)
_WAVE = Tower(AUDIO, "AutoModel")
_PROJECTED = Size("projection_dim", 512)


def _siglip(prefix: str) -> tuple[Tower, ...]:
    return (
        Tower(
            TEXT,
            f"{prefix}TextModel",
            "text_config",
            pool=LAST,
            size=Size("projection_size", 0),
            positions=(Size("max_position_embeddings", 64), 0),
            output="pooler_output",
            joint=True,
        ),
        Tower(IMAGE, f"{prefix}VisionModel", "vision_config", output="pooler_output", joint=True),
    )


FAMILIES: Mapping[str, tuple[Tower, ...]] = {
    "clip": (
        Tower(
            TEXT,
            "CLIPTextModelWithProjection",
            "text_config",
            output="text_embeds",
            pool=LAST,
            size=_PROJECTED,
            width=Size("hidden_size", 512),
            heads=Size("num_attention_heads", 8),
            positions=(Size("max_position_embeddings", 77), 0),
            joint=True,
        ),
        _image(
            "CLIPVisionModelWithProjection",
            section="vision_config",
            output="image_embeds",
            size=_PROJECTED,
            joint=True,
        ),
    ),
    "siglip": _siglip("Siglip"),
    "siglip2": _siglip("Siglip2"),
    "clap": (
        Tower(
            TEXT,
            "ClapTextModelWithProjection",
            "text_config",
            output="text_embeds",
            pool=CLS,
            size=_PROJECTED,
            positions=(Size("max_position_embeddings", 514), 2),
            joint=True,
        ),
        Tower(
            AUDIO,
            "ClapAudioModelWithProjection",
            "audio_config",
            output="audio_embeds",
            size=_PROJECTED,
            joint=True,
            layers=False,
        ),
    ),
    "bert": (_BERT,),
    "roberta": (_ROBERTA,),
    "xlm-roberta": (_ROBERTA,),
    "camembert": (_ROBERTA,),
    "mpnet": (_ROBERTA,),
    "distilbert": (_DISTILBERT,),
    "electra": (
        replace(
            _BERT,
            size=Size("hidden_size", 256),
            width=Size("hidden_size", 256),
            heads=Size("num_attention_heads", 4),
        ),
    ),
    "modernbert": (
        replace(
            _BERT,
            depth=Size("num_hidden_layers", 22),
            positions=(Size("max_position_embeddings", 8192), 0),
        ),
    ),
    "vit": (_image(),),
    "deit": (_image(prefix=2),),
    "dinov2": (_image(),),
    "dinov2_with_registers": (_image(registers=Size("num_register_tokens", 4)),),
    "dinov3_vit": (
        _image(
            size=Size("hidden_size", 384),
            width=Size("hidden_size", 384),
            heads=Size("num_attention_heads", 6),
        ),
    ),
    "whisper": (
        Tower(
            AUDIO,
            "WhisperModel",
            size=Size("d_model", 384),
            width=Size("d_model", 384),
            depth=Size("encoder_layers", 4),
            heads=Size("encoder_attention_heads", 6),
            keep="encoder",
        ),
    ),
    "wav2vec2": (_WAVE,),
    "hubert": (_WAVE,),
    "wavlm": (_WAVE,),
    "audio-spectrogram-transformer": (Tower(AUDIO, "AutoModel", output="pooler_output", prefix=2),),
    "videomae": (Tower(VIDEO, "AutoModel"),),
}
"""Towers by ``model_type``."""

REMOTE: Mapping[str, Tower] = {TEXT: _BERT, IMAGE: _image()}
"""What is taken for the tower of a model whose code comes with it."""
