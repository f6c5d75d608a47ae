"""The optimizer of the applications: AdamW with warm-up and cosine decay."""

import keras
from keras import ops

from apps.common.config import TrainingConfig


def adamw(
    config: TrainingConfig, batches_per_epoch: int, weight_decay: float = 0.0, **options
) -> keras.optimizers.AdamW:
    """AdamW with a warm-up over the first epoch and a cosine decay over the rest.

    The warm-up is at most a tenth of all steps; the decay ends at 2 % of the highest rate.

    Args:
        config: its `learning_rate` (the highest), `epochs`, `clip_norm` and `ema`.
        batches_per_epoch: steps of an epoch.
        weight_decay: decoupled weight decay.
        **options: further ones of `keras.optimizers.AdamW`, such as `beta_2`.
    """
    steps = batches_per_epoch * config.epochs
    warmup = min(batches_per_epoch, steps // 10)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0,
        decay_steps=max(1, steps - warmup),
        alpha=0.02,
        warmup_target=config.learning_rate,
        warmup_steps=max(1, warmup),
    )
    if config.ema is not None:
        options |= {"use_ema": True, "ema_momentum": config.ema}
    return AveragingAdamW(
        rate, weight_decay=weight_decay, global_clipnorm=config.clip_norm, **options
    )


@keras.saving.register_keras_serializable(package="rnn_keras")
class AveragingAdamW(keras.optimizers.AdamW):
    """AdamW whose moving average of the weights, with `use_ema`, warms up.

    After n steps its momentum is `min(ema_momentum, (1 + n) / (10 + n))`, as in TensorFlow's
    `ExponentialMovingAverage(num_updates=n)`, so that a short training forgets its initial weights,
    too. `Model.fit` ends with the weights, not with their average; see `averaged_weights`.
    """

    @property
    def ema_momentum(self):
        """The momentum of the next step; set it to the highest one."""
        n = ops.cast(self.iterations, "float32")
        return ops.minimum(self._highest_momentum, (1 + n) / (10 + n))

    @ema_momentum.setter
    def ema_momentum(self, highest):
        self._highest_momentum = highest

    def finalize_variable_values(self, var_list):
        """Keras's hook at the end of `Model.fit`; it keeps the weights as they are."""

    def get_config(self):
        return {**super().get_config(), "ema_momentum": self._highest_momentum}
