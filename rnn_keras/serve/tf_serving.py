"""`python -m rnn_keras.serve.tf_serving saved_models`: the model list of TensorFlow Serving."""

import json
import sys
from pathlib import Path, PurePosixPath

from rnn_keras.extras import needs_extra
from rnn_keras.serve.sources import locate

with needs_extra("serve", command=__name__ == "__main__"):
    import tyro

MOUNTED = PurePosixPath("/models")  # where deploy/docker-compose.yml puts the folder of all runs


def model_config(runs: Path) -> str:
    """A `ModelServerConfig`, as text, of the newest run of each application.

    Args:
        runs: the folder of all runs, mounted as `/models` in the server.

    Raises:
        ValueError: it holds no exported run.
    """
    root = runs.resolve()
    models = locate([str(root)])
    if any(not base.is_relative_to(root) or base == root for base in models.values()):
        raise ValueError(f"{runs} is a model itself: give the folder above it")
    entries = [
        f"  config {{\n"
        f"    name: {json.dumps(name)}\n"
        f"    base_path: {json.dumps(str(MOUNTED / base.relative_to(root).as_posix()))}\n"
        f'    model_platform: "tensorflow"\n'
        f"  }}\n"
        for name, base in models.items()
    ]
    return f"model_config_list {{\n{''.join(entries)}}}\n"


def main(argv: list[str] | None = None) -> None:
    """The command; prints the configuration."""

    def command(runs: tyro.conf.Positional[Path]) -> str:
        """Print the model configuration of TensorFlow Serving for the newest exported run of each
        application; redirect it to deploy/models.config.

        Args:
            runs: The folder of all runs, such as saved_models.
        """
        return model_config(runs)

    try:
        print(tyro.cli(command, args=argv, prog="python -m rnn_keras.serve.tf_serving"), end="")
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
