"""What a recurrent network does, forward and backward: gradients through time, memory, states."""

from rnn_keras.inspect.clipping_log import ClippingLog
from rnn_keras.inspect.gradients import gradient_norms, loss_at, weight_gradient_norms
from rnn_keras.inspect.jacobians import jacobian_bounds, jacobian_norms
from rnn_keras.inspect.memory import horizon, memory_table, retention
from rnn_keras.inspect.representations import (
    correlated_units,
    nearest,
    project,
    write_projector,
)

__all__ = [
    "ClippingLog",
    "correlated_units",
    "gradient_norms",
    "horizon",
    "jacobian_bounds",
    "jacobian_norms",
    "loss_at",
    "memory_table",
    "nearest",
    "project",
    "retention",
    "weight_gradient_norms",
    "write_projector",
]
