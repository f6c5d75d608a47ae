"""`python -m apps.summarization.train [PRESET] [--flags]`; `train(config)` from Python."""

from functools import partial

from apps import commands

train = partial(commands.train, "summarization")
main = partial(commands.train_command, "summarization")

if __name__ == "__main__":
    main()
