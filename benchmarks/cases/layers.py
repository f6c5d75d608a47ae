"""The sizes and networks of `layers` and `scaling`, operation counts; without any framework."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Shape(NamedTuple):
    """The size of one input and of the layer that reads it."""

    batch: int
    time: int
    inputs: int
    units: int

    def __str__(self):
        return "x".join(map(str, self))

    @classmethod
    def parse(cls, text: str) -> "Shape":
        """`32,60,5,32` or `32x60x5x32`.

        Raises:
            ValueError: not four positive integers.
        """
        sizes = [int(size) for size in text.replace("x", ",").split(",")]
        if len(sizes) != len(cls._fields) or min(sizes) < 1:
            raise ValueError(f"a shape is four positive integers {cls._fields}, got {text!r}")
        return cls(*sizes)


SHAPES = (
    Shape(32, 60, 5, 32),
    Shape(20, 35, 200, 200),
    Shape(32, 100, 128, 128),
    Shape(64, 200, 64, 256),
    Shape(64, 100, 256, 512),
)


@dataclass(frozen=True)
class Case:
    """A network, with its class in each framework.

    Attributes:
        ours: class in `rnn_keras.layers`.
        keras: class in `keras.layers`.
        torch: class in `torch.nn`.
        gates: number of matrices `(inputs, units)`, and of matrices `(units, units)`, in a cell.
        options: options of both `ours` and `keras`.
        bidirectional: whether a second one reads the sequence backwards.
        depth: number of stacked layers.
    """

    ours: str
    keras: str
    torch: str
    gates: int
    options: dict[str, Any] = field(default_factory=dict)
    bidirectional: bool = False
    depth: int = 1


TAU = 64  # time steps of a chunk of truncated BPTT
FULL, TRUNCATED, KERAS = "ours", f"ours, truncated at {TAU}", "Keras"  # contenders of `scaling`

CASES = {
    "VanillaRNN": Case("VanillaRNN", "SimpleRNN", "RNN", 1),
    "GRU reset-before": Case("GRU", "GRU", "GRU", 3, {"reset_after": False}),
    "GRU reset-after": Case("GRU", "GRU", "GRU", 3, {"reset_after": True}),
    "LSTM": Case("LSTM", "LSTM", "LSTM", 4),
    "Bidirectional GRU": Case("GRU", "GRU", "GRU", 3, {"reset_after": False}, bidirectional=True),
    "DeepRNN 2xLSTM": Case("LSTM", "LSTM", "LSTM", 4, depth=2),
}

COUNTED = (
    "Only matrix products count, 2 operations per multiply-add: forward X W_x and H W_h over all "
    "time steps, the first (zero) state included; for a training step also the gradients of H, "
    "W_h and W_x, and of X above the first layer. No contender computes the gradient of the "
    "input; activations and other elementwise operations do not count."
)


def flops(case: Case, shape: Shape, *, training: bool) -> int:
    """Floating-point operations of the matrix products, as `COUNTED` says.

    Args:
        case: the network.
        shape: the sizes.
        training: the forward and backward pass, or the forward pass only.
    """
    batch, time, inputs, units = shape
    total = 0
    for layer in range(case.depth):
        width = inputs if layer == 0 else units * (1 + case.bidirectional)
        rows, columns = batch * time, case.gates * units
        x, h = 2 * rows * width * columns, 2 * rows * units * columns
        # The gradients of H, W_h, W_x, and that of X, the output of a layer below.
        backward = h + h + x + x * (layer > 0)
        total += (x + h + backward * training) * (1 + case.bidirectional)
    return total
