"""Runs conversion and reload in subprocesses, as they may crash or must not see this package."""

import os
import re
import signal
import subprocess
import sys

from rnn_keras.export.verify import ExportError

# glog's "I0000 00:00:17 file.cc:1] ..." and TensorFlow's "2026-01-01 00:00:00.0: I file.cc:1] ...".
_LOG_LINE = re.compile(r"([IWE]\d{4} |WARNING: All log|\d{4}-\d\d-\d\d [\d:.]+: [IWE] )")


def run_script(doing, script, *arguments):
    """Runs a Python file in a separate process that does not see this package.

    Args:
        doing: the task, for the message, such as "the conversion to LiteRT".
        script: a module of this package that is self-contained.
        *arguments: its command line.

    Returns:
        What it wrote to stdout.

    Raises:
        ExportError: it failed or crashed; the message ends with its last output.
    """
    command = [sys.executable, "-P", script.__file__, *map(str, arguments)]
    # TensorFlow then does not import Keras, with scikit-learn and Matplotlib: half of its start.
    environment = {**os.environ, "TF_USE_LEGACY_KERAS": "1"}
    result = subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", errors="replace", env=environment
    )
    if result.returncode == 0:
        return result.stdout
    if result.returncode < 0:
        how = f"crashed with {signal.Signals(-result.returncode).name}"
    else:
        how = "failed"
    # A script that fails in an orderly way prints why to stdout; stderr also has TensorFlow's logs.
    words = result.stdout.strip() or _last_lines(result.stderr)
    raise ExportError(f"{doing} {how}: {words or 'without a word'}")


def _last_lines(text, lines=3):
    messages = [line.strip() for line in text.splitlines() if not _LOG_LINE.match(line)]
    return " | ".join([line for line in messages if line][-lines:])
