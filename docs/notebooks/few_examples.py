# %% [markdown]
# # Classify with few examples
#
# You want to sort pictures into classes, and have a handful of examples of each. This notebook
# learns the classes from 1 to 8 examples, and says how sure each answer is.

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
space = ist.align(train, encoders=encoders, aligner="ridge", params={"ridge": 1.0}, nested=False)

# %% [markdown]
# ## Examples
#
# The classes are ours: warm, cold and dark colours. No caption has these words, so the space has to
# learn them from examples. A folder `shots/` with a folder for each class does the same:
# `shots="shots"`. The pictures of the last 60 scenes are what is asked about.

# %%
MOODS = {
    "warm": ("red", "orange", "yellow"),
    "cold": ("green", "blue", "purple"),
    "dark": ("black",),
}


def mood(scene: ist.Record) -> str:
    """The class of a scene, by the colour that its caption names."""
    caption = scene.items["text"].captions[0].lower()
    return next(name for name, colours in MOODS.items() if any(c in caption for c in colours))


examples = defaultdict(list)
for scene in scenes[150:240]:
    examples[mood(scene)].append(scene.items["image"])
asked = scenes[240:]
most = max(sum(mood(scene) == name for scene in asked) for name in MOODS) / len(asked)
print({name: len(items) for name, items in examples.items()}, f"{len(asked)} are asked about")

# %% [markdown]
# ## More examples, better answers
#
# One example shows one colour of three, so it cannot be enough. The most frequent class is what
# somebody would say who knows nothing.

# %%
for count in (1, 4, 8):
    shots = {name: items[:count] for name, items in examples.items()}
    answers = ist.classify(space, [scene.items["image"] for scene in asked], shots=shots)
    right = [said.label == mood(scene) for said, scene in zip(answers, asked, strict=True)]
    print(
        f"{count} of each: {sum(right) / len(right):.0%} right (always the same answer: {most:.0%})"
    )
assert sum(right) / len(right) > most + 0.15, "eight examples beat the most frequent class"

# %% [markdown]
# Each answer has a probability, calibrated on examples that were left out in turn.

# %%
for said, scene in list(zip(answers, asked, strict=True))[:5]:
    likely = max(said.probabilities)
    print(f"{said.label} ({likely:.0%} sure), it is {mood(scene)}")
decode(asked[0].items["image"])
