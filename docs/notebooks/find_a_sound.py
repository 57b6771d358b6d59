# %% [markdown]
# # Find a sound by a picture
#
# The pairs of this notebook are pictures with captions, and sounds with captions. No picture comes
# with a sound. Because both were joined to the same words, a picture still finds its sound.

# %%
import tempfile
from pathlib import Path

import numpy as np

import isthmus as ist
from isthmus.media import decode

work = Path(tempfile.mkdtemp())
pairs, library = work / "pairs", work / "library"
pairs.mkdir()
library.mkdir()

# %% [markdown]
# ## Pairs that share words
#
# Each scene is drawn, sung and described. Every second scene keeps its picture, the others keep
# their sound; all keep their caption. The last 40 are put aside to search among.

# %%
scenes = ist.load_dataset("shapes", n=440, seed=3).records
for number, scene in enumerate(scenes[:400]):
    kept = "image" if number % 2 else "audio"
    ending = "png" if number % 2 else "wav"
    (pairs / f"{number}.{ending}").write_bytes(scene.items[kept].read())
    (pairs / f"{number}.txt").write_text(scene.items["text"].captions[0], encoding="utf-8")
for number, scene in enumerate(scenes[400:]):
    (library / f"{number}.wav").write_bytes(scene.items["audio"].read())

# %%
encoders = {"text": "tfidf", "image": "color-hog", "audio": "mfcc"}
space = ist.align(pairs, encoders=encoders, aligner="ridge", params={"ridge": 1.0}, nested=False)
store = ist.Store.in_memory(space)
store.add(library)
print(f"{len(store)} sounds; the space has the views {', '.join(space.views)}")

# %% [markdown]
# ## Ask with pictures
#
# For each of the 40 scenes, its picture asks for its sound. The share of pictures whose sound is
# among the first ten stands beside what chance gives.

# %%
ranks = []
for number, scene in enumerate(scenes[400:]):
    hits = store.search(scene.items["image"], k=40, views="audio").hits
    ranks.append([Path(hit.source).stem for hit in hits].index(str(number)))
found = np.mean(np.array(ranks) < 10)
print(f"found among the first 10 of 40: {found:.0%} (chance: 25%)")
assert found > 0.25 + 3 * (0.25 * 0.75 / 40) ** 0.5, "no better than chance"

# %% [markdown]
# This is the picture whose sound was found best, and the loudness of that sound.

# %%
best = int(np.argmin(ranks))
decode(scenes[400 + best].items["image"])

# %%
hit = store.search(scenes[400 + best].items["image"], k=1, views="audio").hits[0]
sound = decode(store.item(hit.id))
print(f"{Path(hit.source).name}: {sound.seconds:.1f} s, {hit.said}")
for part in np.array_split(np.abs(sound.samples), 12):
    print("▇" * int(40 * part.max()))
