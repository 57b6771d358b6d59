from isthmus.core.view import ViewPair
from isthmus.space.evaluate import LEVEL, unmatched


def test_pairs_that_match_no_better_than_shuffled_ones_are_named():
    p_values = {ViewPair("text", "image"): 0.8, ViewPair("text", "audio"): LEVEL / 2}
    assert unmatched(p_values) == [
        "text–image: not better than shuffled pairs. Do not use it.",
    ]
    assert unmatched({}) == []
