"""`python -m apps.char_lm.demo`: trains, exports and generates text, in minutes."""

from apps.char_lm import generate, train
from apps.char_lm.config import PRESETS
from apps.common import cli


@cli.command
def main() -> None:
    """Trains the tiny preset on the builtin text, and generates from its exports."""
    config, _ = cli.parse("char_lm", PRESETS, ["tiny"])
    run = train.train(config)
    for source, file in (("saved_model", run.saved_model), ("litert", run.tflite)):
        print(f"\ngenerated from {file}:", flush=True)
        generate.main(
            [
                str(run),
                "The ",
                "--from",
                source,
                "--length",
                "200",
                "--temperature",
                "0.5",
                "--seed",
                "1",
            ]
        )
    print(f"\nThe model card is {run.card}")


if __name__ == "__main__":
    main()
