"""Training: one loop for everything that learns by gradients.

You bring a :class:`Trainee`: its tensors, its losses and its score on held-out rows. :func:`train`
moves the tensors by AdamW, stops when the score rises no more, and leaves the best ones in place.
A :class:`Checkpoint` lets a training that was killed go on where it stood, with the same result to
the last bit. :func:`parse_loss` reads sums of losses such as ``"info_nce + 0.5*kl"``.

torch is imported when training begins, not before.
"""

from isthmus.training.checkpoint import Checkpoint
from isthmus.training.loop import train
from isthmus.training.losses import Loss, parse_loss
from isthmus.training.schedule import Log, Schedule
from isthmus.training.threads import single_threaded
from isthmus.training.trainee import Phase, Trainee

__all__ = [
    "Checkpoint",
    "Log",
    "Loss",
    "Phase",
    "Schedule",
    "Trainee",
    "parse_loss",
    "single_threaded",
    "train",
]
