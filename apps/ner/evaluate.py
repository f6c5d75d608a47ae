"""`python -m apps.ner.evaluate RUN`; `evaluate(run)` from Python."""

from functools import partial

from apps import commands

evaluate = partial(commands.evaluate, "ner")
main = partial(commands.evaluate_command, "ner")

if __name__ == "__main__":
    main()
