"""`python -m apps.char_lm.export RUN [--quantization ...]`; `export(run)` from Python."""

from functools import partial

from apps import commands

export = partial(commands.export, "char_lm")
main = partial(commands.export_command, "char_lm")

if __name__ == "__main__":
    main()
