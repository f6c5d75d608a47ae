"""A separate script: the smallest tensor arena with which TFLite Micro loads a file, in bytes.

    python micro_arena.py FILE

It runs in a process of its own because TFLite Micro writes to stderr: what it has allocated, and
the reason of a failure.
"""

import os
import re
import sys
import tempfile
from importlib import import_module

runtime = import_module("tflite_micro.python.tflite_micro.runtime")  # of the extra `micro`
ALIGNMENT = 16  # of an arena


def allocated(interpreter):
    """The bytes that an interpreter has allocated for good."""
    with tempfile.TemporaryFile() as log:
        stderr = os.dup(2)
        os.dup2(log.fileno(), 2)
        interpreter.print_allocations()
        os.dup2(stderr, 2)
        log.seek(0)
        return int(re.search(rb"allocation total (\d+) bytes", log.read())[1])


def loads(file, arena):
    """Whether an arena is large enough, tried in a child, as TFLite Micro may abort if not."""
    child = os.fork()
    if child == 0:
        try:
            runtime.Interpreter.from_file(file, arena_size=arena)
        finally:
            os._exit(1 if sys.exc_info()[0] else 0)
    return os.waitpid(child, 0)[1] == 0


def main(file):
    """Prints the size; exits with code 1 if TFLite Micro cannot run the file at all."""
    try:
        size = allocated(runtime.Interpreter.from_file(file))
    except RuntimeError:  # its message is always the same
        sys.exit(1)
    while not loads(file, size):  # loading may need more than what stays
        size += ALIGNMENT
    print(size)


if __name__ == "__main__":
    main(*sys.argv[1:])
