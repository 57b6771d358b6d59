import subprocess
import sys

from isthmus import metrics


def test_all_is_sorted_and_complete() -> None:
    assert metrics.__all__ == sorted(metrics.__all__)
    assert all(hasattr(metrics, name) for name in metrics.__all__)


def test_numpy_is_all_it_imports() -> None:
    heavy = "scipy", "sklearn", "torch", "pyarrow", "PIL"
    code = f"import isthmus.metrics, sys; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
