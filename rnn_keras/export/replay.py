"""A separate script: runs the signatures of a SavedModel on arrays.

    python replay.py SAVED_MODEL INPUTS.npz OUTPUTS.npz

The arrays are named `signature/example/argument`. It imports nothing of this package, to show
that a SavedModel does not need it.
"""

import sys

import numpy as np
import tensorflow as tf


def main(saved_model, inputs, outputs):
    """Runs every example in `inputs` and writes the results to `outputs`."""
    calls = {}
    with np.load(inputs) as saved:
        for key in saved.files:
            name, i, argument = key.split("/")
            calls.setdefault((name, i), {})[argument] = tf.constant(saved[key])
    loaded = tf.saved_model.load(saved_model)
    arrays = {}
    for (name, i), arguments in calls.items():
        for output, value in loaded.signatures[name](**arguments).items():
            array = value.numpy()
            text = array.dtype.kind == "O"
            arrays[f"{name}/{i}/{output}"] = array.astype("S") if text else array
    np.savez(outputs, **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
