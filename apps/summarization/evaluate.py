"""`python -m apps.summarization.evaluate RUN`; `evaluate(run)` from Python."""

from functools import partial

from apps import commands

evaluate = partial(commands.evaluate, "summarization")
main = partial(commands.evaluate_command, "summarization")

if __name__ == "__main__":
    main()
