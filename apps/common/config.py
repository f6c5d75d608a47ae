"""The configuration shared by the training of every application."""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self, get_args, get_origin, get_type_hints

from tyro.conf import Fixed, Suppress

from apps.common.bounds import Positive, PositiveInt, Seed, between, bounds_of, is_optional
from apps.common.errors import InputError


def flag(field: str) -> str:
    """The command-line flag of a field: `batch_size` is `--batch-size`."""
    return "--" + field.replace("_", "-")


@dataclass(frozen=True, kw_only=True)
class Checked:
    """Flags of a command, checked when they are made, so those that exist are valid.

    Raises:
        InputError: a value is out of range; the message names the flag.
    """

    def __post_init__(self):
        """Refuse values outside the `Literal` or the bounds of their field's type.

        A subclass with further checks calls `super().__post_init__()` first.
        """
        for field, hint in get_type_hints(type(self), include_extras=True).items():
            value = getattr(self, field)
            if get_origin(hint) is Literal:
                choices = get_args(hint)
                self.check(value in choices, field, " or ".join(map(str, choices)))
            if value is not None or not is_optional(hint):
                for bound in bounds_of(hint):
                    self.check(bound.allows(value), field, bound.wanted)

    def check(self, ok: bool, field: str, wanted: str) -> None:
        """Raise an error about `field` unless `ok`; `wanted` describes a valid value.

        Raises:
            InputError: `--the-field must be <wanted>, got <value>`.
        """
        if not ok:
            value = getattr(self, field)
            shown = repr(value) if isinstance(value, str) else value
            raise InputError(f"{flag(field)} must be {wanted}, got {shown}")


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(Checked):
    """The flags of every training; an application adds its own in a subclass."""

    preset: Suppress[Fixed[str]] = "base"  # set by `named`, not by a flag

    data: str = "builtin"
    """Data source: builtin, a path, or (not for the forecaster) tfds:NAME."""

    epochs: PositiveInt = 10
    """Passes over the training data."""

    batch_size: PositiveInt = 64
    """Sequences per training step."""

    learning_rate: Positive = 1e-3
    """Highest learning rate of AdamW, after the warm-up; then it decays by a cosine."""

    clip_norm: Positive | None = 1.0
    """Largest global norm of the gradient; None does not clip."""

    seed: Seed = 0
    """Seed of everything random: weights, order of the data, dropout."""

    deterministic: bool = False
    """Use deterministic operations only: the same seed gives the same bits (slower on a GPU)."""

    dtype_policy: Literal["float32", "mixed_float16", "mixed_bfloat16"] = "float32"
    """Precision of the computation; the weights are always float32."""

    run: str | None = None
    """Name of the run; None makes one from the preset and the time."""

    patience: PositiveInt | None = None
    """Stop after this many epochs without a better validation score; None never stops early."""

    devices: PositiveInt | None = None
    """GPUs to train on, in each worker; None for all that are visible. Without a GPU, the CPU is
    split into that many devices, which is for trying it."""

    workers: PositiveInt = 1
    """Processes to train in, on one machine or several, by Ray Train; 1 needs no Ray."""

    ray_address: str | None = None
    """Address of a Ray cluster, such as auto or ray://HOST:10001; None starts Ray on this machine
    if there are several workers."""

    ema: Annotated[float, between(0, 1)] | None = None
    """Momentum of the exponential moving average of the weights; the average is kept if its
    validation score is better than that of the weights. None: no average."""

    def __post_init__(self):
        """Check the fields."""
        super().__post_init__()
        for field in dataclasses.fields(self):
            self.check(_is_unicode(getattr(self, field.name)), field.name, "valid Unicode")
        self.check(bool(self.data) and isinstance(self.data, str), "data", "a source's name")
        self.check(isinstance(self.deterministic, bool), "deterministic", "True or False")
        if self.run is not None:
            self.check(
                isinstance(self.run, str) and re.fullmatch(r"\w[\w.-]{0,99}", self.run) is not None,
                "run",
                "a name of up to 100 letters, digits, '.', '_' and '-', not a path",
            )

    def to_json(self) -> dict[str, Any]:
        """The fields as a dictionary that JSON can hold; `from_json` gives back an equal one."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The configuration that `to_json` wrote.

        Args:
            values: the dictionary of `to_json`, or a JSON copy. A missing field takes its default.

        Raises:
            InputError: a key is not a field (the message names it), or a value is out of range.
        """
        hints = get_type_hints(cls)
        unknown = sorted(values.keys() - hints.keys())
        if unknown:
            raise InputError(f"unknown settings in the configuration: {', '.join(unknown)}")
        return cls(
            # JSON has no tuples.
            **{
                field: tuple(value) if get_origin(hints[field]) is tuple else value
                for field, value in values.items()
            }
        )


def named(presets: Mapping[str, tuple[str, Any]]) -> dict[str, tuple[str, Any]]:
    """Presets that know their names: by name, one line about the preset and its configuration."""
    return {
        name: (about, dataclasses.replace(config, preset=name))
        for name, (about, config) in presets.items()
    }


def _is_unicode(value: object) -> bool:
    """False for a string with surrogates: what a shell passes on for bytes that are not UTF-8."""
    return not isinstance(value, str) or not re.search("[\ud800-\udfff]", value)
