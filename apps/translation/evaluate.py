"""`python -m apps.translation.evaluate RUN`; `evaluate(run)` from Python."""

from functools import partial

from apps import commands

evaluate = partial(commands.evaluate, "translation")
main = partial(commands.evaluate_command, "translation")

if __name__ == "__main__":
    main()
