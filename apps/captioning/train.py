"""`python -m apps.captioning.train [PRESET] [--flags]`; `train(config)` from Python."""

from functools import partial

from apps import commands

train = partial(commands.train, "captioning")
main = partial(commands.train_command, "captioning")

if __name__ == "__main__":
    main()
