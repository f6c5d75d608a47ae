"""The common configuration: every bad value is refused by its flag's name; JSON round trips."""

import json
import math
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.common.bounds import Rate
from apps.common.config import TrainingConfig
from apps.common.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Config(TrainingConfig):
    units: tuple[int, ...] = (8, 4)
    dropout: Rate = 0.0


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("data", "", "--data must be a source's name, got ''"),
        ("data", "caf\udce9.txt", r"--data must be valid Unicode, got 'caf\udce9.txt'"),
        ("run", "\ud800", r"--run must be valid Unicode, got '\ud800'"),
        ("epochs", 0, "--epochs must be a positive integer, got 0"),
        ("epochs", True, "--epochs must be a positive integer, got True"),
        ("epochs", "3", "--epochs must be a positive integer, got '3'"),
        ("batch_size", -1, "--batch-size must be a positive integer, got -1"),
        ("batch_size", 1.5, "--batch-size must be a positive integer, got 1.5"),
        ("learning_rate", 0.0, "--learning-rate must be a positive number, got 0.0"),
        ("learning_rate", math.nan, "--learning-rate must be a positive number, got nan"),
        ("clip_norm", math.inf, "--clip-norm must be a positive number, got inf"),
        ("seed", -1, "--seed must be an integer in [0, 2**32), got -1"),
        ("seed", 2**32, "--seed must be an integer in [0, 2**32), got 4294967296"),
        ("deterministic", 1, "--deterministic must be True or False, got 1"),
        ("dtype_policy", "float16", "--dtype-policy must be float32 or mixed_float16 or "),
        ("run", "", "--run must be a name of up to 100 letters, digits, "),
        ("run", "../x", "--run must be a name of "),
        ("run", "a/b", "--run must be a name of "),
        ("run", ".hidden", "--run must be a name of "),
        ("run", "a\n", "--run must be a name of "),
        ("run", "x" * 101, "--run must be a name of "),
        ("patience", 0, "--patience must be a positive integer, got 0"),
        ("ema", 1.0, "--ema must be a number between 0 and 1, got 1.0"),
        ("ema", 0, "--ema must be a number between 0 and 1, got 0"),
        ("dropout", 1.0, "--dropout must be a number in [0, 1), got 1.0"),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_flag(field, value, message):
    with pytest.raises(InputError) as caught:
        replace(Config(), **{field: value})
    assert str(caught.value).startswith(message)


positive = st.floats(min_value=0, exclude_min=True, allow_infinity=False)


@given(
    st.builds(
        Config,
        preset=st.text(),
        data=st.text(min_size=1),
        epochs=st.integers(min_value=1),
        learning_rate=positive,
        clip_norm=st.none() | positive,
        seed=st.integers(0, 2**32 - 1),
        deterministic=st.booleans(),
        dtype_policy=st.sampled_from(["float32", "mixed_float16", "mixed_bfloat16"]),
        run=st.none() | st.just("été-2.1_b"),
        ema=st.none() | st.floats(0, 1, exclude_min=True, exclude_max=True),
        units=st.lists(st.integers()).map(tuple),
    )
)
def test_json_round_trip(config):
    assert Config.from_json(json.loads(json.dumps(config.to_json()))) == config


def test_from_json_refuses_unknown_keys_and_fills_in_missing_ones():
    with pytest.raises(InputError, match="depth, width"):
        Config.from_json({"width": 1, "depth": 2, "epochs": 3})
    assert Config.from_json({"epochs": 3}) == Config(epochs=3)
