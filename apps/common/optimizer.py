"""The optimizer of the applications: AdamW, its rate warmed up and then decayed."""

import keras

from apps.common.config import TrainingConfig


def adamw(
    config: TrainingConfig, batches_per_epoch: int, weight_decay: float = 0.0, **options
) -> keras.optimizers.AdamW:
    """AdamW with a warm-up over the first epoch and a cosine decay over all others.

    Of short trainings a tenth warms up; the decay ends at 2 % of the highest rate.

    Args:
        config: its `learning_rate` (the highest), `epochs` and `clip_norm`.
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
    return keras.optimizers.AdamW(
        rate, weight_decay=weight_decay, global_clipnorm=config.clip_norm, **options
    )
