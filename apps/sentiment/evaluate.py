"""`python -m apps.sentiment.evaluate RUN`; `evaluate(run)` from Python."""

from functools import partial

from apps import commands

evaluate = partial(commands.evaluate, "sentiment")
main = partial(commands.evaluate_command, "sentiment")

if __name__ == "__main__":
    main()
