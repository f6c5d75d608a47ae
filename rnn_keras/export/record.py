"""The JSON record of an export's verification, stored with the export."""

import json

NAME = "export.json"


def record(functions, outputs, differences, **facts):
    """The JSON text of an export.

    Args:
        functions: its `tf.function`s by signature name.
        outputs: the expected outputs: by name, lists of dictionaries of arrays.
        differences: by name, the largest difference from these, where compared.
        **facts: further entries.

    Returns:
        An object of the facts and `signatures`: by name the `inputs` with their shapes (null for
        any size) and types, the `outputs` with their types, and `max_difference`, perhaps null.
    """
    signatures = {
        name: {
            "inputs": {
                spec.name: {"shape": list(spec.shape), "dtype": spec.dtype.name}
                for spec in function.input_signature
            },
            "outputs": {name: dtype_name(value) for name, value in outputs[name][0].items()},
            "max_difference": differences.get(name),
        }
        for name, function in functions.items()
    }
    return json.dumps({**facts, "signatures": signatures}, indent=1) + "\n"


def dtype_name(array):
    """The type of an output, NumPy's name or `string`."""
    return "string" if array.dtype.kind == "S" else array.dtype.name
