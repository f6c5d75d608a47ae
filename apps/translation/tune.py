"""`python -m apps.translation.tune [PRESET] [--trials N] [--flags]`."""

from functools import partial

from apps import commands

main = partial(commands.tune_command, "translation")

if __name__ == "__main__":
    main()
