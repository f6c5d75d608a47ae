"""`python -m apps.ner.train [PRESET] [--flags]`; `train(config)` from Python."""

from functools import partial

from apps import commands

train = partial(commands.train, "ner")
main = partial(commands.train_command, "ner")

if __name__ == "__main__":
    main()
