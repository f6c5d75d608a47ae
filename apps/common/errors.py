"""The error of every application."""


class InputError(Exception):
    """Something the user gave is wrong; the message is one line: what is, and what would be right.

    The command wrapper prints it as `error: <message>` and exits with code 2.
    """
