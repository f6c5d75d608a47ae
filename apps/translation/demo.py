"""`python -m apps.translation.demo`: trains, exports and translates, in minutes."""

from apps.common import cli
from apps.translation import train, translate
from apps.translation.config import PRESETS

SENTENCES = (
    "The cat is black.",
    "I did not see the beautiful birds.",
    "Two young women will go to the station tomorrow.",
)


@cli.command
def main() -> None:
    """Trains the tiny preset on the builtin pairs, and translates with its exports."""
    config, _ = cli.parse("translation", PRESETS, ["tiny"])
    run = train.train(config)
    for source, file in (("saved_model", run.saved_model), ("litert", run.tflite)):
        print(f"\ntranslated by {file}:", flush=True)
        translate.main([str(run), *SENTENCES, "--from", source])
    print("\nthe attention of each token:", flush=True)
    translate.main([str(run), SENTENCES[0], "--show-attention"])
    print(f"\nThe model card is {run.card}")


if __name__ == "__main__":
    main()
