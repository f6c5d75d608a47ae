"""Optional packages: a missing one is named together with the extra that installs it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def needs_extra(extra: str, command: bool = False) -> Iterator[None]:
    """Surrounds imports of packages that only an extra of `rnn-keras` installs.

    Args:
        extra: the extra, as in `pip install 'rnn-keras[extra]'`.
        command: whether a command line runs, which then ends with the message as one line on
            stderr and exit code 2.

    Raises:
        ModuleNotFoundError: a module is missing; the message names it and the extra.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        message = f"{error.name} is not installed: pip install 'rnn-keras[{extra}]'"
        if command:
            print(f"error: {message}", file=sys.stderr)
            sys.exit(2)
        raise ModuleNotFoundError(message, name=error.name) from error
