"""`python -m apps.captioning.export RUN [--quantization ...]`; `export(run)` from Python."""

from functools import partial

from apps import commands

export = partial(commands.export, "captioning")
main = partial(commands.export_command, "captioning")

if __name__ == "__main__":
    main()
