"""`python -m apps.sentiment.demo`: trains, exports and classifies texts, in minutes."""

from apps.common import cli
from apps.sentiment import predict, train
from apps.sentiment.config import PRESETS

TEXTS = (
    "The plot was dull at first, but in the end the acting was superb.",
    "The plot was superb at first, but in the end the acting was dull.",
    "Nobody, to be fair, could call the music boring.",
)


@cli.command
def main() -> None:
    """Trains the tiny preset on the builtin reviews, and classifies texts with its exports."""
    config, _ = cli.parse("sentiment", PRESETS, ["tiny"])
    run = train.train(config)
    for source, file in (("saved_model", run.saved_model), ("litert", run.tflite)):
        print(f"\nclassified by {file}:", flush=True)
        predict.main([str(run), *TEXTS, "--from", source])
    print(f"\nThe model card is {run.card}")


if __name__ == "__main__":
    main()
