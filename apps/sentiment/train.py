"""`python -m apps.sentiment.train [PRESET] [--flags]`; `train(config)` from Python."""

from functools import partial

from apps import commands

train = partial(commands.train, "sentiment")
main = partial(commands.train_command, "sentiment")

if __name__ == "__main__":
    main()
