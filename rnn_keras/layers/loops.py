"""The time loops of Keras's backend. TensorFlow and JAX are imported where they are the backend.

Other backends run the reference plan, Keras's own loop. Only TensorFlow has the plans for export.
"""

import contextlib

import keras

EXPORTABLE = {}
FUSED = "one compiled loop, weight gradients as one product after it"

if keras.backend.backend() == "tensorflow":
    from rnn_keras.layers.buffers import Arrays, InPlace
    from rnn_keras.layers.halves import no_split, run_split, should_split
    from rnn_keras.layers.recurrence import Recurrence

    EXPORTABLE = {"graph": Arrays, "litert": InPlace}
    FUSED = (
        "XLA-compiled loop, weight gradients as one product after it; in a graph, two halves of a "
        "large batch side by side on two CPU cores"
    )
else:
    no_split, run_split = contextlib.nullcontext, None

    def should_split(sequences, weights):
        """False: XLA compiles the whole training step."""
        return False

    if keras.backend.backend() == "jax":
        from rnn_keras.layers.jax_recurrence import Recurrence
    else:
        FUSED = None

        class Recurrence:
            """Has a step only, as the fused plan never runs."""

            def __init__(self, step):
                self.step = step


def chain():
    """The loops of a CRF, for TensorFlow only.

    Raises:
        NotImplementedError: on another backend.
    """
    if keras.backend.backend() != "tensorflow":
        raise NotImplementedError(
            "crf_loss, viterbi and marginals run on TensorFlow; set KERAS_BACKEND=tensorflow."
        )
    from rnn_keras.layers import chain

    return chain


__all__ = ["EXPORTABLE", "FUSED", "Recurrence", "chain", "no_split", "run_split", "should_split"]
