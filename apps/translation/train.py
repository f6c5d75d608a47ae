"""`python -m apps.translation.train [PRESET] [--flags]`; `train(config)` from Python."""

from functools import partial

from apps import commands

train = partial(commands.train, "translation")
main = partial(commands.train_command, "translation")

if __name__ == "__main__":
    main()
