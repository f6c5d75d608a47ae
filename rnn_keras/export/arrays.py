"""Files of arrays by name, which the command reads."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from rnn_keras.extras import needs_extra


def load_arrays(file: Path) -> dict[str, np.ndarray]:
    """The arrays of a `.npz` file by name.

    Raises:
        ValueError: it is not an .npz file.
    """
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, EOFError, TypeError, AttributeError, BadZipFile) as error:
        raise ValueError(
            f"{file} must be an existing .npz file, as numpy.savez writes it"
        ) from error


def load_state_dict(file: Path) -> Mapping[str, Any]:
    """The `state_dict` of a PyTorch network.

    Args:
        file: what `torch.save` (`.pt`, `.pth`), of which no code is run, or `numpy.savez` wrote.

    Raises:
        ValueError: there is no such file, or it holds anything but tensors.
        ModuleNotFoundError: PyTorch is not installed, and only it reads this file.
    """
    if file.suffix == ".npz":
        return load_arrays(file)
    if not file.is_file():
        raise ValueError(f"{file} does not exist")
    with needs_extra("torch"):
        import torch
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
        raise ValueError(
            f"{file} holds more than tensors, or is damaged: write it by "
            "torch.save(net.state_dict(), FILE)"
        ) from error
