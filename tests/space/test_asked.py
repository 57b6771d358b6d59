"""What a space can be asked, though the tasks lie above it."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import isthmus
from isthmus.core.item import MediaItem
from isthmus.core.lazy import Brought, bring
from isthmus.core.record import Dataset
from isthmus.space import Space


def test_a_space_classifies_and_annotates_as_the_functions_do(
    space: Space, scenes: Dataset
) -> None:
    item: MediaItem = scenes.records[90].items["image"]
    names = ["red", "blue", "green"]
    assert space.classify(item, names)[0].label == isthmus.classify(space, item, names)[0].label
    by_method = space.annotate([item], names, least=0.0).to_json()
    assert by_method == isthmus.annotate(space, [item], names, least=0.0).to_json()


def test_they_have_the_docstring_and_the_signature_of_the_functions() -> None:
    assert Space.classify is isthmus.classify and Space.annotate is isthmus.annotate
    assert list(inspect.signature(Space.classify).parameters)[:3] == ["space", "items", "classes"]
    assert "Args:" in (Space.annotate.__doc__ or "")


@pytest.mark.parametrize("first", ["import isthmus.space", "from isthmus.selection import align"])
def test_in_a_fresh_process_nothing_of_the_tasks_is_imported_before_it_is_asked(first: str) -> None:
    code = (
        f"import sys; {first}\n"
        "from isthmus.space import Space\n"
        "space = Space({}, {}, {})\n"
        "assert not [m for m in sys.modules if m.startswith('isthmus.tasks')]\n"
        "print(space.classify.__name__, space.annotate.__self__ is space)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["classify", "True"]


def test_what_nobody_brings_says_so() -> None:
    class Owner:
        missing = Brought()
        upper = Brought()

    bring("Owner", {"upper": "string"})
    with pytest.raises(AttributeError, match=r"no module brings Owner\.missing; import isthmus"):
        _ = Owner().missing
    with pytest.raises(AttributeError, match="module 'string' has no attribute 'upper'"):
        _ = Owner.upper
