"""The documents tell the truth: their Python runs, their commands parse, their links lead."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("apps/*/README.md")]
    + [*ROOT.glob("benchmarks/*.md")]
)
NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]
COMMAND = re.compile(r"python -m ((?:apps|benchmarks|rnn_keras)\.[\w.]+)([^\n`|#]*)")


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_python_runs(document, tmp_path, monkeypatch):
    """The blocks of a document run one after the other, as a reader would run them."""
    monkeypatch.chdir(tmp_path)
    scope = {}
    for block in blocks(document.read_text(encoding="utf-8"), "python"):
        exec(compile(block, document.name, "exec"), scope)


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_links_lead_somewhere(document):
    text = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target:
            assert (document.parent / target).exists(), target


def commands():
    found = {}
    for document in DOCUMENTS:
        for module, rest in COMMAND.findall(document.read_text(encoding="utf-8")):
            found.setdefault(module, set()).add(rest.strip())
    return found


def test_commands_exist():
    for module in commands():
        path = ROOT / (module.replace(".", "/"))
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module


def test_training_commands_parse():
    from apps.char_lm.config import PRESETS
    from apps.common import cli

    for rest in commands()["apps.char_lm.train"]:
        arguments = shlex.split(re.sub(r"\[.*?\]", "", rest).replace("...", ""))
        if arguments and "--resume" not in arguments:
            cli.parse("char_lm", PRESETS, arguments)


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
