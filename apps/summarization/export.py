"""`python -m apps.summarization.export RUN [--quantization ...]`; `export(run)` from Python."""

from functools import partial

from apps import commands

export = partial(commands.export, "summarization")
main = partial(commands.export_command, "summarization")

if __name__ == "__main__":
    main()
