"""`python -m apps.ner.export RUN [--quantization ...]`; `export(run)` from Python."""

from functools import partial

from apps import commands

export = partial(commands.export, "ner")
main = partial(commands.export_command, "ner")

if __name__ == "__main__":
    main()
