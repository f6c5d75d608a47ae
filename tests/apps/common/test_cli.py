"""The command line: presets, flags, --resume, exit codes."""

import os
import shlex
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.common.cli import command, command_line, parse
from apps.common.config import TrainingConfig, named
from apps.common.environment import import_tensorflow
from apps.common.errors import InputError
from apps.common.run import Run

PROJECT = Path(__file__).parents[3]


@dataclass(frozen=True, kw_only=True)
class Config(TrainingConfig):
    units: int = 8
    """Width of the layers."""

    widths: tuple[int, ...] = (3, 4)


PRESETS = named(
    {
        "tiny": ("embedded data, seconds", Config(epochs=1, units=4)),
        "base": ("real data, minutes", Config(clip_norm=None)),
    }
)


def parsed(line, **options):
    return parse("toy", PRESETS, shlex.split(line), **options)


def test_presets_and_overrides():
    assert parsed("") == (PRESETS["base"][1], None)
    assert parsed("tiny") == (PRESETS["tiny"][1], None)
    assert PRESETS["tiny"][1].preset == "tiny"
    config, _ = parsed("tiny --units 5 --clip-norm None --deterministic --run a --widths 1 2 3")
    assert config == replace(
        PRESETS["tiny"][1],
        preset="tiny",
        units=5,
        clip_norm=None,
        deterministic=True,
        run="a",
        widths=(1, 2, 3),
    )


@given(
    preset=st.sampled_from(sorted(PRESETS)),
    changes=st.fixed_dictionaries(
        {},
        optional={
            "data": st.text(min_size=1)
            | st.sampled_from(
                ["tfds:tiny_shakespeare", "'\"$x", "-", "-1", "--help", "--resume=a"]
            ),
            "epochs": st.integers(1, 99),
            "learning_rate": st.floats(1e-300, 1e300),
            "clip_norm": st.none() | st.floats(1e-6, 9),
            "deterministic": st.booleans(),
            "run": st.none() | st.just("r.1"),
            "widths": st.lists(st.integers(1, 9), min_size=1).map(tuple),
        },
    ),
)
def test_the_command_line_of_a_configuration_gives_it_back(preset, changes):
    config = replace(PRESETS[preset][1], preset=preset, **changes)
    words = shlex.split(command_line("toy", PRESETS, config))
    assert words[:3] == ["python", "-m", "apps.toy.train"]
    assert parse("toy", PRESETS, words[3:]) == (config, None)


def test_the_command_line_is_short_and_can_omit_fields():
    config = replace(PRESETS["tiny"][1], preset="tiny", seed=2, units=9)
    line = command_line("toy", PRESETS, config, omit=("seed",))
    assert line == "python -m apps.toy.train tiny --units 9"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--unitz 3", "--unitz"),
        ("--units x", "--units"),
        ("--units", "--units"),
        ("--dtype-policy half", "--dtype-policy"),
        ("--preset tiny", "--preset"),
        ("--units 3 tiny", "tiny"),
    ],
)
def test_a_wrong_flag_exits_with_2_and_names_it(line, words, capsys):
    with pytest.raises(SystemExit) as caught:
        parsed(line)
    assert caught.value.code == 2
    assert words in capsys.readouterr().err


def test_unknown_presets_and_bad_values_are_input_errors():
    with pytest.raises(InputError, match="unknown preset 'huge', choose from tiny, base"):
        parsed("huge")
    with pytest.raises(InputError, match="--batch-size must be a positive integer, got 0"):
        parsed("tiny --batch-size 0")


def test_another_backend_is_an_input_error(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with pytest.raises(InputError, match="set KERAS_BACKEND=tensorflow, not jax"):
        import_tensorflow()


def test_help_shows_presets_fields_and_resume(capsys):
    with pytest.raises(SystemExit) as caught:
        parsed("--help", description="Train a toy.")
    assert caught.value.code == 0
    text = capsys.readouterr().out
    for words in ("Train a toy.", "tiny: embedded data", "--resume RUN", "Width of the layers."):
        assert words in text
    assert "\nThe run is kept in" in text
    assert "--preset" not in text


def test_resume_takes_the_settings_of_the_run(tmp_path):
    config = Config(preset="tiny", run="a", units=5, epochs=3)
    run = Run.create("toy", config, root=tmp_path)
    for name in ("a", str(run)):
        same, opened = parsed(f"--resume {shlex.quote(name)}", root=tmp_path)
        assert (same, opened.path) == (config, run.path)
    longer, _ = parsed("--resume=a --epochs 9", root=tmp_path)
    assert longer == replace(config, epochs=9)
    wider, _ = parsed("--resume a --workers 2 --ray-address auto", root=tmp_path)
    assert wider == replace(config, workers=2, ray_address="auto")
    for line, message in {
        "--resume a --units 3 --seed=1": "--units, --seed cannot be used with --resume",
        "tiny --resume a": "tiny cannot be used with --resume",
        "--resume": "--resume: expected one argument",
        "--resume a --epochs x": "--epochs: invalid int value: 'x'",
        "--resume a --epochs 0": "--epochs must be a positive integer, got 0",
        "--resume b": "no run 'b' of toy; the runs in .* are: a",
    }.items():
        with pytest.raises(InputError, match=message):
            parsed(line, root=tmp_path)


@pytest.mark.parametrize(
    ("error", "code", "printed"),
    [
        (InputError("no such file"), 2, "error: no such file\n"),
        (KeyboardInterrupt("continue with: x"), 130, "\ncontinue with: x\n"),
        (KeyboardInterrupt(), 130, "\ninterrupted\n"),
    ],
)
def test_a_command_ends_in_one_line(error, code, printed, capsys):
    @command
    def main():
        raise error

    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == code
    assert capsys.readouterr().err == printed


def piped(code, **options):
    """A command in a process of its own, with stdout at a pipe."""
    code = f"from apps.common.cli import command\n@command\ndef main():\n  {code}\nmain()"
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=PROJECT, stdout=pipe, stderr=pipe, **options
    )


def test_a_reader_that_leaves_ends_a_command_quietly():
    process = piped("while True: print('x' * 99)")
    assert process.stdout.readline().strip() == b"x" * 99
    process.stdout.close()
    assert process.wait(60) == 141
    assert process.stderr.read() == b""
    process.stderr.close()


def test_what_stdout_cannot_encode_is_a_question_mark():
    process = piped("print('aé太\\ud800b')", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    out, err = process.communicate(timeout=60)
    assert (out.split(), err, process.returncode) == ([b"a???b"], b"", 0)


def test_a_command_returns_and_does_not_hide_defects():
    assert command(lambda x: x + 1)(1) == 2
    with pytest.raises(ZeroDivisionError):
        command(lambda: 1 / 0)()


COMMANDS = {
    "captioning": "describe, evaluate, export, train",
    "char_lm": "evaluate, export, generate, train",
    "common": "cli",
    "ner": "evaluate, export, tag, train",
    "sentiment": "evaluate, export, predict, train",
    "stock": "evaluate, export, forecast, train",
    "summarization": "evaluate, export, summarize, train",
    "translation": "evaluate, export, train, translate",
}


@pytest.mark.parametrize("app", COMMANDS)
def test_help_needs_none_of_the_heavy_packages(app):
    program = (
        f"import sys\nfrom apps.{app} import {COMMANDS[app]}\n"
        "print({'tensorflow', 'keras', 'pandas', 'sacrebleu', 'sklearn'} & set(sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True
    )
    assert run.stdout.strip() == "set()", run.stderr
