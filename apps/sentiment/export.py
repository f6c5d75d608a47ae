"""`python -m apps.sentiment.export RUN [--quantization ...]`; `export(run)` from Python."""

from functools import partial

from apps import commands

export = partial(commands.export, "sentiment")
main = partial(commands.export_command, "sentiment")

if __name__ == "__main__":
    main()
