import subprocess
import sys


def test_numpy_is_all_it_imports() -> None:
    heavy = "scipy", "sklearn", "torch", "pyarrow", "PIL"
    code = f"import isthmus.metrics, sys; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
