"""What every test relies on: the backend, quiet logs, and real data where the machine has it."""

import os
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"  # before the first test module imports keras
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import pytest
from hypothesis import settings

PROJECT = Path(__file__).resolve().parents[1]

# A first example may compile a graph, hence no deadline; the same examples on every machine.
settings.register_profile("suite", deadline=None, derandomize=True, max_examples=20)
settings.load_profile("suite")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the project; the test skips where it is absent."""
    folder = PROJECT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("real data: there is no ../shared/data beside the project")
    return folder


@pytest.fixture(autouse=True)
def reproducible():
    """Every test starts from the same global seed, in whatever order the tests run."""
    import keras

    keras.utils.set_random_seed(0)
