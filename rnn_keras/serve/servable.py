"""One version of a model, in memory."""

import gc
from pathlib import Path

import numpy as np
import tensorflow as tf

from rnn_keras.serve.errors import ServingError, first_line
from rnn_keras.serve.sampled_step import add_sampled_step
from rnn_keras.serve.signature import Signature

_CODES = {code: name for name, code in vars(tf.errors).items() if isinstance(code, int)}


class Servable:
    """A SavedModel that can be run.

    It is a graph in a `Session`, as in TensorFlow Serving, instead of `tf.saved_model.load`: a call
    that takes too long is stopped inside the graph, after its current operation, and `close` frees
    the memory.

    Args:
        version: its number.
        path: its folder.
        timeout: seconds after which a call is stopped; half of it if several requests share the
            call, so that each can still run alone.

    Attributes:
        signatures: the signatures by name.
        signature_def: the same as TensorFlow's messages.
        sampled_step: what streams of text run, or None.
        users: number of requests that use it; only the event loop changes it.

    Raises:
        OSError, ValueError, RuntimeError, tf.errors.OpError: it cannot be loaded.
    """

    def __init__(self, version: int, path: Path, timeout: float):
        self.version = version
        self.users = 0
        graph = tf.Graph()
        self._alone, self._shared = (
            tf.compat.v1.RunOptions(timeout_in_ms=max(1, int(1000 * seconds)))
            for seconds in (timeout, timeout / 2)
        )
        self._session = tf.compat.v1.Session(graph=graph)
        self._calls = {}
        try:
            with graph.as_default():
                meta = tf.compat.v1.saved_model.load(self._session, ["serve"], str(path))
            self.signature_def = {
                name: message
                for name, message in meta.signature_def.items()
                if not name.startswith("__saved_model")  # the initializer is no signature
            }
            self.signatures = {
                name: Signature(name, message) for name, message in self.signature_def.items()
            }
            if not self.signatures:
                raise ValueError("it has no signatures")
            messages = dict(self.signature_def)
            with graph.as_default():
                self.sampled_step = add_sampled_step(path, self.signature_def)
            if self.sampled_step:
                messages[self.sampled_step.signature.name] = self.sampled_step.message
            self._calls = {name: self._callable(message) for name, message in messages.items()}
            self.warm_up()
        except BaseException:
            self.close()
            raise

    def _callable(self, message):
        graph = self._session.graph
        inputs = [message.inputs[key].name for key in sorted(message.inputs)]
        return self._session.make_callable(
            [message.outputs[key].name for key in sorted(message.outputs)],
            feed_list=[graph.get_tensor_by_name(tensor) for tensor in inputs],
            accept_options=True,
        )

    def warm_up(self) -> None:
        """Run every signature once, so that the first client does not wait longer than others."""
        sampled = [self.sampled_step.signature] if self.sampled_step else []
        for signature in [*self.signatures.values(), *sampled]:
            try:
                self.run(signature, signature.example())
            except ServingError as error:
                # Ones may be invalid for the model; a damaged model fails with other errors.
                if error.code != "INVALID_ARGUMENT":
                    raise ValueError(f"signature {signature.name}: {error}") from error

    def run(
        self, signature: Signature, feeds: dict[str, np.ndarray], shared: bool = False
    ) -> dict[str, np.ndarray]:
        """The outputs of a signature by name; blocks, and may be called from any thread.

        Args:
            signature: one of `signatures`, or that of `sampled_step`.
            feeds: an array per input.
            shared: whether they belong to several requests.

        Raises:
            ServingError: the model rejects the values, or ran out of time or memory.
        """
        values = [feeds[name] for name in signature.inputs]
        try:
            results = self._calls[signature.name](
                *values, options=self._shared if shared else self._alone
            )
        except tf.errors.DeadlineExceededError as error:
            raise ServingError("DEADLINE_EXCEEDED", "the model did not answer in time") from error
        except tf.errors.OpError as error:
            raise _explain(error) from error
        # A session returns NumPy scalars for scalars, and bytes for text.
        return {
            name: np.asarray(result, object if spec.dtype == tf.string else None)
            for (name, spec), result in zip(signature.outputs.items(), results)
        }

    def close(self) -> None:
        """Free all resources; no call is possible afterwards."""
        self._calls.clear()
        self._session.close()
        del self._session
        gc.collect()  # a graph has many reference cycles


def _explain(error: tf.errors.OpError) -> ServingError:
    code = _CODES.get(error.error_code, "INTERNAL")
    # `tf.debugging.Assert` puts each of its values into brackets.
    words = first_line(error.message).removeprefix("assertion failed: ").replace("] [", " ")
    return ServingError(code, f"the model cannot answer: {words.strip('[]')}")
