"""What a request may be: fields that are named, and numbers that are numbers."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator


def _no_switch(cls: Any, value: object, info: ValidationInfo) -> object:
    """Refuse true and false where no switch is: pydantic takes them for 1 and 0."""
    expected = cls.__pydantic_fields__[info.field_name].annotation
    if isinstance(value, bool) and "bool" not in str(expected):
        raise ValueError(f"got {str(value).lower()}, which is no number and no text")
    return value


numbers_are_numbers = field_validator("*", mode="before")(_no_switch)
"""For the body of a class of requests."""


class Strict(BaseModel):
    """What has no fields but those that are named."""

    model_config = ConfigDict(extra="forbid")
    _numbers = numbers_are_numbers
