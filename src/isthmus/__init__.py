"""isthmus joins frozen encoders of different modalities by thin heads into one space."""

__version__ = "0.1.0"
