# %% [markdown]
# # Join two folders and search
#
# You have pictures in one folder and captions in another. This notebook joins them into one
# **space** and then finds pictures by words. It needs no model weights and runs in seconds, because
# its data are drawn scenes and its encoders are classical ones. With photos of your own, leave
# `encoders` out: the starter encoders know far more.

# %%
import tempfile
from pathlib import Path

import isthmus as ist
from isthmus.media import decode

work = Path(tempfile.mkdtemp())
pairs, library = work / "pairs", work / "library"
pairs.mkdir()
library.mkdir()

# %% [markdown]
# ## Two folders
#
# The first 150 scenes are pairs: a picture and a caption, in two files that share a name, such as
# `7.png` and `7.txt`. The other 30 are pictures without captions: those are searched later.

# %%
scenes = ist.load_dataset("shapes", n=180, seed=7).records
for number, scene in enumerate(scenes):
    folder = pairs if number < 150 else library
    decode(scene.items["image"]).save(folder / f"{number}.png")
    if folder == pairs:
        (folder / f"{number}.txt").write_text(scene.items["text"].captions[0], encoding="utf-8")

print((pairs / "0.txt").read_text(encoding="utf-8"))
decode(scenes[0].items["image"])

# %% [markdown]
# ## Join them
#
# `align` encodes pictures and captions and learns one small linear map for each. It holds pairs
# back to measure with, and refuses if the pairs carry no signal.

# %%
space = ist.align(pairs, encoders={"text": "tfidf", "image": "color-hog"}, aligner="cca")
for direction, found in space.report.held_out.directions.items():
    figures = found.instance
    print(
        f"{direction}: the partner is among the first 10 of {figures.n_gallery.mean:.0f} "
        f"for {figures.r10.mean:.0%} (chance: {figures.chance_r10.mean:.0%})"
    )

# %% [markdown]
# ## Search
#
# A **store** keeps the vectors of files. What you add is found by words, though it has no caption.

# %%
store = ist.Store.in_memory(space)
report = store.add(library)
print(f"{len(report.added)} pictures, {len(report.failures)} could not be read")

results = store.search("a large red circle", k=3)
for hit in results.hits:
    print(f"{hit.words}: {Path(hit.source).name}")

# %%
decode(store.item(results.hits[0].id))

# %% [markdown]
# ## Filter by what files say of themselves
#
# isthmus reads the size of pictures, and the date, place and camera where a photo has them. A
# filter asks for them: `taken>2025-06`, `camera~nikon`, `near:48.2,16.4,10km`.

# %%
some = store.search("a large red circle", k=3, where="width<200 and not has:taken")
print([Path(hit.source).name for hit in some.hits], dict(some.hits[0].fields))
