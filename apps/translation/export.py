"""`python -m apps.translation.export RUN [--quantization ...]`; `export(run)` from Python."""

from functools import partial

from apps import commands

export = partial(commands.export, "translation")
main = partial(commands.export_command, "translation")

if __name__ == "__main__":
    main()
