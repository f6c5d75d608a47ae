"""`python -m apps.char_lm.train [PRESET] [--flags]`; `train(config)` from Python."""

from functools import partial

from apps import commands

train = partial(commands.train, "char_lm")
main = partial(commands.train_command, "char_lm")

if __name__ == "__main__":
    main()
