"""`python -m apps.stock.export RUN [--quantization ...]`; `export(run)` from Python."""

from functools import partial

from apps import commands

export = partial(commands.export, "stock")
main = partial(commands.export_command, "stock")

if __name__ == "__main__":
    main()
