"""`python -m apps.stock.demo`: from prices to a fan of the days after them, in under a minute."""

from apps.common import cli
from apps.stock import forecast, train
from apps.stock.config import PRESETS


@cli.command
def main() -> None:
    """Trains the tiny preset on prices that every machine has, and forecasts from its exports."""
    config, _ = cli.parse("stock", PRESETS, ["tiny"])
    run = train.train(config)
    for source, file in (("saved_model", run.saved_model), ("litert", run.tflite)):
        print(f"\nforecast by {file} alone:", flush=True)
        forecast.main([str(run), "--from", source])
    print(f"\nThe model card is {run.card}")


if __name__ == "__main__":
    main()
