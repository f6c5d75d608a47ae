"""Scheduled sampling: in training, some tokens before are the model's own."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="rnn_keras")
class ScheduledSampling(keras.layers.Layer):
    """Replaces some of the input tokens by samples from the model's own distributions.

    The model runs over the whole sequence, then its samples replace tokens, so there is
    no loop over its steps (parallel scheduled sampling). With n passes, the samples depend on
    samples up to n - 1 steps before.

    Args:
        rate: probability that a token is replaced; the variable `rate` changes it later, such as
            `sampling.rate.assign(0.25)` in a callback.
        passes: number of passes that sample, before the one that is trained.
        padding_id: the id of padding, which is kept, as the first token is.
        seed: seed of the samples.
        **options: `name`, `dtype`, `trainable`.

    Call arguments:
        tokens: int32 `(batch, time)`, the tokens that precede those to predict.
        decode: `tokens -> logits`, `(batch, time, vocabulary)`: teacher forcing.
        training: whether tokens are replaced.

    Returns:
        int32 `(batch, time)`.

    References: Bengio et al. 2015 (arXiv:1506.03099); Duckworth et al. 2019 (arXiv:1906.04331).
    """

    def __init__(
        self,
        rate: float,
        passes: int = 1,
        padding_id: int = 0,
        seed: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._config = {"rate": rate, "passes": passes, "padding_id": padding_id, "seed": seed}
        self._allow_non_tensor_positional_args = True
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.rate = self.add_weight(
            (), lambda shape, dtype: ops.full(shape, rate, dtype), trainable=False, name="rate"
        )
        self.built = True

    def call(self, tokens: Any, decode: Callable[[Any], Any], training: bool | None = None) -> Any:
        if not training:
            return tokens
        seed, inputs = self.seed_generator, tokens
        draws = keras.random.uniform(ops.shape(tokens), seed=seed)
        is_replaced = ops.logical_and(
            ops.less(draws, self.rate), ops.not_equal(tokens, self._config["padding_id"])
        )
        for _ in range(self._config["passes"]):
            logits = ops.stop_gradient(decode(inputs))
            uniform = keras.random.uniform(ops.shape(logits), 1e-7, 1.0, seed=seed)
            samples = ops.argmax(logits - ops.log(-ops.log(uniform)), axis=-1)  # Gumbel's maximum
            samples = ops.cast(samples, tokens.dtype)
            shifted = ops.concatenate([tokens[:, :1], samples[:, :-1]], axis=1)
            inputs = ops.where(is_replaced, shifted, tokens)
        return inputs

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self._config}
