"""`python -m apps.char_lm.evaluate RUN`; `evaluate(run)` from Python."""

from functools import partial

from apps import commands

evaluate = partial(commands.evaluate, "char_lm")
main = partial(commands.evaluate_command, "char_lm")

if __name__ == "__main__":
    main()
