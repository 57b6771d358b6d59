"""What the classes of ``transfer.py`` are called, in other words and in Chinese."""

from __future__ import annotations

CHINESE = {
    "fruit": "水果", "nuts": "坚果", "vegetables": "蔬菜", "household": "家居用品",
    "arttools": "画具", "dishes": "餐具", "tools": "工具", "auto": "汽车",
    "construction": "工程车", "locomotive": "火车", "ship": "船", "birds": "鸟",
    "fish": "鱼", "insects": "昆虫", "mammals": "哺乳动物", "aquatic": "水生动物",
    "bears": "熊", "bovines": "牛", "cats": "猫", "deer": "鹿", "rodents": "啮齿动物",
    "marsupials": "有袋动物",
}  # fmt: skip
SYNONYMS = {
    "fruit": "fruits", "nuts": "kernels", "vegetables": "greens", "household": "home items",
    "arttools": "art supplies", "dishes": "tableware", "tools": "implements", "auto": "car",
    "construction": "building machine", "locomotive": "railway engine", "ship": "boat",
    "birds": "fowl", "fish": "fishes", "insects": "bugs", "mammals": "mammalian animals",
    "aquatic": "sea animals", "bears": "grizzly", "bovines": "cattle", "cats": "felines",
    "deer": "stag", "rodents": "mice and rats", "marsupials": "pouched animals",
}  # fmt: skip
SPOKEN = {"arttools": "art tools", "aquatic": "aquatic mammals"}
GLOSSES = {
    "fruit": "sweet and juicy, it grows on a tree", "nuts": "a hard shell with a kernel",
    "vegetables": "a plant that is cooked or eaten as a salad",
    "household": "a thing that stands in a home", "arttools": "for drawing and painting",
    "dishes": "plates and cups to eat and drink from", "tools": "for work with the hands",
    "auto": "a car on four wheels", "construction": "a heavy machine that digs and lifts",
    "locomotive": "it pulls a train on rails", "ship": "it carries people over the sea",
    "birds": "feathers, wings and a beak", "fish": "it swims and has fins and scales",
    "insects": "six legs, small", "mammals": "an animal with fur", "aquatic": "a whale or a seal",
    "bears": "a large furry animal with claws", "bovines": "a cow, an ox or a goat with horns",
    "cats": "a cat, a lion or a tiger", "deer": "it has antlers and lives in the woods",
    "rodents": "a small animal with long front teeth",
    "marsupials": "it carries its young in a pouch",
}  # fmt: skip
"""Written by hand from the names alone, before any figure was seen."""


def spoken(name: str) -> str:
    """What a class is called."""
    return SPOKEN.get(name, name)
