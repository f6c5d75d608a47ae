"""The configuration shared by the training of every application."""

import dataclasses
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args, get_origin, get_type_hints

from tyro.conf import Fixed, Suppress

from apps.common.errors import InputError


def flag(field: str) -> str:
    """The command-line flag of a field: `batch_size` is `--batch-size`."""
    return "--" + field.replace("_", "-")


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """The flags of every application; an application adds its own in a subclass.

    A value is checked when the configuration is made, so one that exists is valid.

    Raises:
        InputError: a value is out of range; the message names the flag.
    """

    preset: Suppress[Fixed[str]] = "base"  # set by the command line, not by a flag

    data: str = "builtin"
    """Where the data comes from: builtin, a path, or tfds:NAME."""

    epochs: int = 10
    """Passes over the training data."""

    batch_size: int = 64
    """Sequences per training step."""

    learning_rate: float = 1e-3
    """Step size of the optimizer."""

    clip_norm: float | None = 1.0
    """Largest global norm of the gradient; None does not clip."""

    seed: int = 0
    """Seed of everything random: weights, order of the data, dropout."""

    deterministic: bool = False
    """Allow only operations that give the same bits every time (slower on a GPU)."""

    dtype_policy: Literal["float32", "mixed_float16", "mixed_bfloat16"] = "float32"
    """Precision of the computation; the weights are always float32."""

    run: str | None = None
    """Name of the run; None makes one from the preset and the time."""

    patience: int | None = None
    """Stop after this many epochs without a better validation score; None never stops early."""

    ema: float | None = None
    """Momentum of the weights' moving average, used if it validates better; None: no average."""

    def __post_init__(self):
        """Check the common fields; a subclass calls `super().__post_init__()`, then its checks."""
        self.check_choices()
        for field in dataclasses.fields(self):
            self.check(_is_unicode(getattr(self, field.name)), field.name, "valid Unicode")
        self.check(bool(self.data) and isinstance(self.data, str), "data", "a source's name")
        self.check_positive_integer("epochs", "batch_size")
        self.check_positive("learning_rate")
        if self.clip_norm is not None:
            self.check_positive("clip_norm")
        self.check(
            is_integer(self.seed) and 0 <= self.seed < 2**32, "seed", "an integer in [0, 2**32)"
        )
        self.check(isinstance(self.deterministic, bool), "deterministic", "True or False")
        if self.run is not None:
            self.check(
                isinstance(self.run, str) and re.fullmatch(r"\w[\w.-]{0,99}", self.run) is not None,
                "run",
                "a name of up to 100 letters, digits, '.', '_' and '-', not a path",
            )
        if self.patience is not None:
            self.check_positive_integer("patience")
        if self.ema is not None:
            self.check(is_number(self.ema) and 0 < self.ema < 1, "ema", "a number between 0 and 1")

    def check(self, ok: bool, field: str, wanted: str) -> None:
        """Raise an error about `field` unless `ok`; `wanted` describes a valid value.

        Raises:
            InputError: `--the-field must be <wanted>, got <value>`.
        """
        if not ok:
            value = getattr(self, field)
            shown = repr(value) if isinstance(value, str) else value
            raise InputError(f"{flag(field)} must be {wanted}, got {shown}")

    def check_positive_integer(self, *fields: str) -> None:
        """Refuse fields that are not integers of at least 1."""
        for field in fields:
            value = getattr(self, field)
            self.check(is_integer(value) and value >= 1, field, "a positive integer")

    def check_positive(self, *fields: str) -> None:
        """Refuse fields that are not finite numbers above 0."""
        for field in fields:
            value = getattr(self, field)
            self.check(is_number(value) and value > 0, field, "a positive number")

    def check_fraction(self, *fields: str) -> None:
        """Refuse fields that are not in [0, 1), such as dropout rates."""
        for field in fields:
            value = getattr(self, field)
            self.check(is_number(value) and 0 <= value < 1, field, "a number in [0, 1)")

    def check_choices(self) -> None:
        """Refuse values that their field's `Literal` type does not list."""
        for field, hint in get_type_hints(type(self)).items():
            if get_origin(hint) is Literal:
                choices = get_args(hint)
                self.check(getattr(self, field) in choices, field, " or ".join(map(str, choices)))

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


def is_integer(value: object) -> bool:
    """Whether `value` is an `int` and not a `bool`."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    """Whether `value` is a finite `int` or `float`."""
    return (is_integer(value) or isinstance(value, float)) and math.isfinite(value)


def _is_unicode(value: object) -> bool:
    """False for a string with surrogates: what a shell passes on for bytes that are not UTF-8."""
    return not isinstance(value, str) or not re.search("[\ud800-\udfff]", value)
