"""The documents stay true: their Python runs, their commands parse, their links lead somewhere."""

import argparse
import ast
import functools
import inspect
import re
import shlex
import subprocess
import sys
from importlib import import_module
from itertools import takewhile
from pathlib import Path

import pytest
import tyro

from apps.common.run import Run

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("apps/*/README.md")]
    + [*ROOT.glob("benchmarks/*.md"), *ROOT.glob("saved_models/*.md")]
)
NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]
APPS = ("captioning", "char_lm", "ner", "sentiment", "stock", "summarization", "translation")
# Documents whose examples take long.
SLOW = ("docs/export.md", "docs/inspect.md", "docs/layers.md", "docs/seq2seq.md", "docs/text.md")
FENCED = re.compile(r"^```([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
MODULE = r"python -m\s+((?:apps|benchmarks|rnn_keras)\b[\w.]*)"


def read(document):
    return document.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(path, id=name, marks=[pytest.mark.slow] if name in SLOW else [])
        for path, name in zip(DOCUMENTS, NAMES)
    ],
)
def test_python_runs(document, tmp_path, monkeypatch):
    """The blocks of a document run one after the other, as a reader would run them."""
    monkeypatch.chdir(tmp_path)
    scope = {}
    for language, block in FENCED.findall(read(document)):
        if language == "python":
            exec(compile(block, document.name, "exec"), scope)


def test_python_that_would_take_minutes_calls_what_exists():
    """Blocks that train: their imports run, and calls of what they import fit its parameters."""
    blocks = [
        ast.parse(block)
        for document in DOCUMENTS
        for language, block in FENCED.findall(read(document))
        if language == "python no-run"
    ]
    assert len(blocks) >= len(APPS)
    for tree in blocks:
        imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
        exec(compile(ast.Module(imports, []), "imports", "exec"), scope := {})
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        known = [call for call in calls if getattr(call.func, "id", None) in scope]
        assert known
        for call in known:
            keywords = {keyword.arg: None for keyword in call.keywords}
            inspect.signature(scope[call.func.id]).bind(*call.args, **keywords)


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_links_lead_somewhere(document):
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", FENCED.sub("", read(document))):
        if "://" not in target:
            assert (document.parent / target).exists(), target


def commands(text):
    """`(module, words)` of each command line in code blocks and code spans; APP is every app."""
    text = text.replace("\\\n", " ")
    prose = FENCED.sub("", text)
    lines = [line for _, block in FENCED.findall(text) for line in block.splitlines()]
    lines += re.findall(r"^ {4}(.*)", prose, re.MULTILINE)
    lines += [span.replace("\n", " ") for span in re.findall(r"`([^`]+)`", prose)]
    for module, rest in re.findall(MODULE + "(.*)", "\n".join(lines)):
        words = list(takewhile(lambda word: word not in "|>", shlex.split(rest, comments=True)))
        for app in APPS if ".APP." in module else [""]:
            yield module.replace("APP", app), words


class Parsed(BaseException):
    """A command has read its arguments; not an `Exception`, which it might handle."""


def parse(module, words, monkeypatch):
    """Runs a command until it has read its arguments, with its own parser and checks.

    Raises:
        SystemExit: it refuses them.
    """

    def stop_after(function):
        def wrapper(target=None, *args, **kwargs):
            if inspect.isfunction(target):  # tyro calls it with what it has read
                target = functools.wraps(target)(lambda *_, **__: None)
            function(target, *args, **kwargs)
            raise Parsed

        return wrapper

    main = import_module(_file(module)).main
    if not words:  # the command's name, or no argument is needed
        return
    assert inspect.signature(main).parameters, f"{module} takes no arguments, got {words}"
    with monkeypatch.context() as patches, pytest.raises(Parsed):
        patches.setattr(tyro, "cli", stop_after(tyro.cli))
        parse_args = stop_after(argparse.ArgumentParser.parse_args)
        patches.setattr(argparse.ArgumentParser, "parse_args", parse_args)
        patches.setattr(Run, "open", stop_after(lambda *_, **__: None))  # of --resume RUN
        main(words)


def _file(module):
    """The module that `python -m` runs."""
    package = ROOT.joinpath(*module.split("."), "__main__.py")
    return f"{module}.__main__" if package.exists() else module


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_commands_parse(document, monkeypatch):
    text = read(document)
    found = list(commands(text))
    assert {module for module, _ in found} == {
        module.replace("APP", app) for module in re.findall(MODULE, text) for app in APPS
    }, "a command that is not in a code block or code span"
    for module, words in found:
        parse(module, words, monkeypatch)


def test_commands_are_found_wherever_they_stand():
    text = (
        "Run `python -m apps.char_lm.train\ntiny`, then\n\n    python -m benchmarks.redraw\n\n"
        "```sh\nPORT=1 python -m rnn_keras.serve saved_models \\\n  --port 9000  # a port\n"
        "python -m apps.translation.translate RUN 'A | b' > out.txt\n```\n"
        "```python\nx = 1\n```\n`python -m apps.APP.evaluate RUN`"
    )
    assert sorted(commands(text)) == [
        ("apps.captioning.evaluate", ["RUN"]),
        ("apps.char_lm.evaluate", ["RUN"]),
        ("apps.char_lm.train", ["tiny"]),
        *[(f"apps.{app}.evaluate", ["RUN"]) for app in APPS[2:]],
        ("apps.translation.translate", ["RUN", "A | b"]),
        ("benchmarks.redraw", []),
        ("rnn_keras.serve", ["saved_models", "--port", "9000"]),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "apps.char_lm.train tiny --unitz 3",
        "apps.char_lm.train small",
        "apps.char_lm.train tiny --dropout 1.5",
        "apps.char_lm.train --resume RUN --units 3",
        "apps.sentiment.evaluate RUN --data imdb",
        "apps.stock.forecast RUN --form litert",
        "apps.translation.export RUN --quantization int4",
        "apps.playground --prot 80",
        "rnn_keras.export model.keras --tflite model.tflite",
        "rnn_keras.serve saved_models --prot 80",
        "benchmarks.layers --secs 1",
    ],
)
def test_a_wrong_command_is_refused(line, monkeypatch):
    module, *words = line.split()
    with pytest.raises(SystemExit) as end:
        parse(module, words, monkeypatch)
    assert end.value.code == 2


@pytest.mark.parametrize("app", APPS)
def test_flags_named_alone_exist(app, capsys):
    """Such as `--layers 2` in "the same with `--layers 2`": some command of the document has it."""
    text = read(ROOT / "apps" / app / "README.md")
    known = ""
    for module in {module for module, _ in commands(text) if module.startswith(f"apps.{app}.")}:
        main = import_module(module).main
        if inspect.signature(main).parameters:
            with pytest.raises(SystemExit):
                main(["--help"])
            known += capsys.readouterr().out
    spans = [span for span in re.findall(r"`([^`]+)`", FENCED.sub("", text)) if span[:2] == "--"]
    flags = {flag for span in spans for flag in re.findall(r"(?:^|\s)(--[a-z-]+)", span)}
    assert flags, "the pattern finds nothing any more"
    assert {flag for flag in flags if not re.search(rf"{flag}(?![a-z-])", known)} == set()


def test_help_is_instant_and_imports_no_tensorflow():
    script = (
        "import sys; from apps.char_lm import train\n"
        "try: train.main(['--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    assert "--batch-size" in result.stdout and "tiny" in result.stdout
