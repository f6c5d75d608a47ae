"""Layers on JAX: python -m tests.layers.jax_program FILE, with KERAS_BACKEND=jax.

Reads the `.npz` file of `test_jax.py`, and prints the largest difference of each case as JSON.
"""

import json
import sys

import keras
import numpy as np

from rnn_keras import layers, use_plan
from rnn_keras.extras import needs_extra

with needs_extra("jax"):
    import jax

UNITS = 5


def differentiate(layer, arrays):
    """The results, and the gradients of their sum with factors, flat."""
    fixed = [v.value for v in layer.non_trainable_variables]

    def total(X, state, variables):
        results, _ = layer.stateless_call(
            variables, fixed, X, initial_state=state, mask=arrays["mask"]
        )
        return sum((f * r).sum() for f, r in zip(arrays["factors"], results)), results

    variables = [v.value for v in layer.trainable_variables]
    compute = jax.jit(jax.grad(total, (0, 1, 2), has_aux=True))
    gradients, results = compute(arrays["X"], arrays["state"], variables)
    return keras.tree.flatten((results, gradients))


def differences(name, options, plans, arrays):
    """The largest difference from TensorFlow's values, by plan."""
    layer = getattr(layers, name)(UNITS, return_sequences=True, return_state=True, **options)
    layer.build(arrays["X"].shape)
    layer.set_weights(arrays["weights"])
    found = {}
    for plan in plans:
        with use_plan(plan):
            assert f": {plan} plan" in layers.explain(layer)
            values = differentiate(layer, arrays)
        pairs = zip(values, arrays["expected"], strict=True)
        found[plan] = max(float(np.abs(a - b).max()) for a, b in pairs)
    return found


def main(file):
    cases = np.load(file, allow_pickle=True)["cases"].item()
    found = {name: differences(*case) for name, case in cases.items()}
    print(json.dumps({"differences": found, "tensorflow": "tensorflow" in sys.modules}))


if __name__ == "__main__":
    main(sys.argv[1])
