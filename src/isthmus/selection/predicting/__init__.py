"""Which fusion predicts best: raced on held-out records, late fusion being the favourite."""

from isthmus.selection.predicting.choose import Chosen, choose
from isthmus.selection.predicting.measures import HEADLINES, Said, measures_of

__all__ = ["HEADLINES", "Chosen", "Said", "choose", "measures_of"]
