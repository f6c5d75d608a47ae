"""Builds an ONNX graph node by node."""

from dataclasses import dataclass

import numpy as np

from rnn_keras.extras import needs_extra

with needs_extra("onnx"):
    import onnx
    from onnx import NodeProto, TensorProto, helper, numpy_helper

OPSET = 17  # the first with LayerNormalization; onnxruntime 1.12, OpenVINO 2022.2 and later
IR_VERSION = 8  # that of ONNX 1.12, with which this opset came
TYPES = {
    "float32": TensorProto.FLOAT,
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
    "bool": TensorProto.BOOL,
}


@dataclass(frozen=True)
class Value:
    """A tensor of the graph.

    Attributes:
        name: its name.
        shape: its shape, None where open.
        dtype: its type.
    """

    name: str
    shape: tuple[int | None, ...] = ()
    dtype: str = "float32"


class Graph:
    """Nodes and constants, in the order in which they are added.

    Attributes:
        initial_states: names of the values that recurrent layers start from, by `state_names`.
        final_states: likewise, filled as layers are converted.
    """

    def __init__(self):
        self.nodes, self.constants, self.inputs, self.outputs = [], {}, [], []
        self.initial_states, self.final_states = {}, {}

    def add(self, operator, *inputs, outputs=1, **attributes):
        """Adds a node.

        Args:
            operator: the ONNX operator.
            *inputs: names, arrays (which become constants), or None for one left out.
            outputs: number of outputs.
            **attributes: those of the operator; empty lists are left out.

        Returns:
            The name of the output, or a list of several.
        """
        attributes = {name: value for name, value in attributes.items() if value != []}
        node = helper.make_node(operator, [], [""] * outputs, **attributes)
        results = self.add_node(node, inputs)
        return results[0] if outputs == 1 else results

    def add_node(self, node, inputs):
        """Adds a node with other inputs, as in `add`; returns the new names of its outputs."""
        names = ["" if x is None else x if isinstance(x, str) else self._add(x) for x in inputs]
        results = [f"{node.op_type}_{len(self.nodes)}_{i}" for i in range(len(node.output))]
        copied = NodeProto()
        copied.CopyFrom(node)
        copied.ClearField("name")  # which must be unique
        copied.input[:], copied.output[:] = names, results
        self.nodes.append(copied)
        return results

    def _add(self, array):
        array = np.ascontiguousarray(array)
        key = array.dtype.str, array.shape, array.tobytes()
        return self.constants.setdefault(key, f"constant_{len(self.constants)}")

    def add_input(self, spec):
        """Adds an input of a `tf.TensorSpec`; returns its `Value`."""
        self.inputs.append(_info(spec.name, spec.dtype.name, spec.shape))
        return Value(spec.name, tuple(spec.shape), spec.dtype.name)

    def add_output(self, name, value, dtype, shape):
        """Names a result."""
        self.nodes.append(helper.make_node("Identity", [value], [name]))
        self.outputs.append(_info(name, dtype, shape))

    def model(self, name, metadata):
        """The checked `onnx.ModelProto`.

        Args:
            name: name of the graph.
            metadata: texts by key.
        """
        constants = [
            numpy_helper.from_array(np.frombuffer(data, dtype).reshape(shape), constant)
            for (dtype, shape, data), constant in self.constants.items()
        ]
        graph = helper.make_graph(self.nodes, name, self.inputs, self.outputs, constants)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="rnn_keras",
        )
        helper.set_model_props(model, metadata)
        onnx.checker.check_model(model, full_check=True)
        return model


def _info(name, dtype, shape):
    sizes = [
        ("batch" if i == 0 else f"{name}_time") if size is None else size
        for i, size in enumerate(shape)
    ]
    return helper.make_tensor_value_info(name, TYPES[dtype], sizes)
