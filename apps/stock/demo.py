"""`python -m apps.stock.demo`: trains, exports and forecasts prices, in under a minute."""

from apps.common import cli
from apps.stock import forecast, train
from apps.stock.config import PRESETS


@cli.command
def main() -> None:
    """Trains the tiny preset on the builtin prices, and forecasts from its exports."""
    config, _ = cli.parse("stock", PRESETS, ["tiny"])
    run = train.train(config)
    for source, file in (("saved_model", run.saved_model), ("litert", run.tflite)):
        print(f"\nforecast by {file}:", flush=True)
        forecast.main([str(run), "--from", source])
    print(f"\nThe model card is {run.card}")


if __name__ == "__main__":
    main()
