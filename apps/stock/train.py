"""`python -m apps.stock.train [PRESET] [--flags]`; `train(config)` from Python."""

from functools import partial

from apps import commands

train = partial(commands.train, "stock")
main = partial(commands.train_command, "stock")

if __name__ == "__main__":
    main()
