import concurrent.futures
import inspect
import pickle  # noqa: TID251 - the way errors come back from worker processes
import re

import pytest
from tests.waiting import PATIENCE

from isthmus.core import errors
from isthmus.core.errors import IsthmusError, MediaError

CLASSES = {
    name: cls
    for name, cls in vars(errors).items()
    if inspect.isclass(cls) and issubclass(cls, BaseException)
}


def drawn() -> dict[str, tuple[str | None, str | None]]:
    """Class, its parent and its builtin parent, as the tree in the docstring draws them."""
    tree: dict[str, tuple[str | None, str | None]] = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"^    ([│ ]*(?:[├└]── )?)(\w+Error)(?: \((\w+)\))?", line)
        if match is None:
            continue
        depth = len(match[1]) // 4
        del above[depth:]
        tree[match[2]] = (above[-1] if above else None, match[3])
        above.append(match[2])
    return tree


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    tree = drawn()
    assert tree.keys() == CLASSES.keys()
    assert tree["IsthmusError"] == (None, None)
    assert tree["CorruptMediaError"] == ("MediaError", None)
    for name, (parent, builtin) in tree.items():
        if parent is None:
            continue
        bases = [base.__name__ for base in CLASSES[name].__bases__]
        assert bases == [parent] + ([builtin] if builtin else [])


def made(cls: type[IsthmusError]) -> IsthmusError:
    if issubclass(cls, MediaError):
        return cls("photos/cat.png", "is truncated")
    return cls("what is wrong and what to do")


def fail(name: str) -> None:
    raise made(CLASSES[name])


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_every_error_survives_pickling(name: str) -> None:
    error = made(CLASSES[name])
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)


def test_every_error_comes_back_from_a_worker_process() -> None:
    with concurrent.futures.ProcessPoolExecutor(1) as pool:
        for name in sorted(CLASSES):
            error = pool.submit(fail, name).exception(timeout=PATIENCE)
            assert type(error) is CLASSES[name]
            assert str(error) == str(made(CLASSES[name]))
            if isinstance(error, MediaError):
                assert (error.source, error.reason) == ("photos/cat.png", "is truncated")


def test_media_errors_read_as_a_sentence() -> None:
    assert str(made(errors.CorruptMediaError)) == "photos/cat.png: is truncated"
