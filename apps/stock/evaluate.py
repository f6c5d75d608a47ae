"""`python -m apps.stock.evaluate RUN`; `evaluate(run)` from Python."""

from functools import partial

from apps import commands

evaluate = partial(commands.evaluate, "stock")
main = partial(commands.evaluate_command, "stock")

if __name__ == "__main__":
    main()
