"""`python -m apps.char_lm.tune [PRESET] [--trials N] [--flags]`."""

from functools import partial

from apps import commands

main = partial(commands.tune_command, "char_lm")

if __name__ == "__main__":
    main()
