"""`python -m apps.captioning.evaluate RUN`; `evaluate(run)` from Python."""

from functools import partial

from apps import commands

evaluate = partial(commands.evaluate, "captioning")
main = partial(commands.evaluate_command, "captioning")

if __name__ == "__main__":
    main()
