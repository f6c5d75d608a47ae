"""`python -m apps.ner.tune [PRESET] [--trials N] [--flags]`."""

from functools import partial

from apps import commands

main = partial(commands.tune_command, "ner")

if __name__ == "__main__":
    main()
