"""`InputError`, the error of every application, and messages about failed writes."""

import errno
import os
import re

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)


class InputError(Exception):
    """Invalid user input; the message is one line: what is wrong, and what would be right.

    The command wrapper prints it as `error: <message>` and exits with code 2.
    """


def write_failure(error: Exception) -> str | None:
    """One line about a file that could not be written; None for any other error.

    Such as `cannot write saved_models/stock/a/state.npz: No space left on device`.

    Args:
        error: an `OSError`, or an error of TensorFlow, whose message holds the path and the message
            of the operating system.
    """
    if isinstance(error, OSError) and error.errno in _FULL:
        # stdout and pipes have no filename.
        return f"cannot write {error.filename or 'the output'}: {error.strerror}"
    if type(error).__module__.startswith("tensorflow."):
        words = "|".join(re.escape(os.strerror(code)) for code in _FULL)
        if found := re.search(rf"(\S+); ({words})", str(error)):
            return f"cannot write {found[1]}: {found[2]}"
    return None
