"""What was learned for one task helps another: a library of sources, and ways to start from it."""

from isthmus.prompts.transfer.library import Library, Source
from isthmus.prompts.transfer.starts import STARTS, Start
from isthmus.prompts.transfer.transfer import Transfer, Trial, transfer

__all__ = ["STARTS", "Library", "Source", "Start", "Transfer", "Trial", "transfer"]
