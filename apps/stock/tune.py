"""`python -m apps.stock.tune [PRESET] [--trials N] [--flags]`."""

from functools import partial

from apps import commands

main = partial(commands.tune_command, "stock")

if __name__ == "__main__":
    main()
