# %% [markdown]
# # Classify with few examples
#
# You want to sort pictures into classes, and have a handful of examples of each. This notebook
# learns the classes from 1 to 16 examples, and says how sure each answer is.

# %%
import tempfile
from collections import defaultdict
from pathlib import Path

import isthmus as ist
from isthmus.media import decode

work = Path(tempfile.mkdtemp())

# %% [markdown]
# ## A space
#
# The space is made from drawn scenes with captions. A real one is the starter space:
# `ist.Space.load("starter")`.

# %%
scenes = ist.load_dataset("shapes", n=300, seed=11).records
train = ist.Dataset("pairs", scenes[:150])
encoders = {"text": "tfidf", "image": "color-hog"}
space = ist.align(train, encoders=encoders, aligner="cca", nested=False)

# %% [markdown]
# ## Examples
#
# The class is the shape that the caption names. A folder `shots/` with a folder for each class does
# the same: `shots="shots"`. The pictures of the last 60 scenes are what is asked about.

# %%
SHAPES = ("circle", "triangle", "square", "star", "cross", "hexagon")


def shape(scene: ist.Record) -> str:
    """The shape that its caption names."""
    words = scene.items["text"].captions[0].lower()
    return next(name for name in SHAPES if name in words)


examples = defaultdict(list)
for scene in scenes[150:240]:
    examples[shape(scene)].append(scene.items["image"])
asked = scenes[240:]
print({name: len(items) for name, items in examples.items()}, f"{len(asked)} are asked about")

# %% [markdown]
# ## More examples, better answers
#
# Guessing one of six classes is right for 17 of 100. The space knows the words, too: with
# `classes=["circle", …]` instead of examples, it would start from these.

# %%
for count in (1, 4, 8):
    shots = {name: items[:count] for name, items in examples.items()}
    answers = ist.classify(space, [scene.items["image"] for scene in asked], shots=shots)
    right = [said.label == shape(scene) for said, scene in zip(answers, asked, strict=True)]
    print(f"{count} examples of each: {sum(right) / len(right):.0%} right")
assert sum(right) / len(right) > 0.34, "eight examples beat guessing"

# %% [markdown]
# Each answer has a probability, calibrated on examples that were left out in turn.

# %%
for said, scene in list(zip(answers, asked, strict=True))[:5]:
    likely = max(said.probabilities)
    print(f"{said.label} ({likely:.0%} sure), it is {shape(scene)}")
decode(asked[0].items["image"])
