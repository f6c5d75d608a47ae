"""The run directory: all files of one training."""

import itertools
import json
import os
import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from apps.common.config import TrainingConfig
from apps.common.environment import describe_machine, import_tensorflow, package_versions
from apps.common.errors import InputError, write_failure
from apps.common.files import to_json, write_text

Config = TypeVar("Config", bound=TrainingConfig)


def runs_root() -> Path:
    """The folder of all runs: the environment variable RNN_KERAS_RUNS, else `saved_models`."""
    return Path(os.environ.get("RNN_KERAS_RUNS") or "saved_models")


class Run:
    """One run directory, `saved_models/<app>/<name>/`. `str(run)` is its path.

    Attributes:
        app: the application, such as `char_lm`.
        path: the directory; its last part is the run's name.
        config_file: `config.json`: application, configuration, command, machine, versions, and
            the digest of the data.
        vocab: `vocab.txt`, the vocabulary.
        state: `state.npz`, from which an interrupted training continues.
        best: `best.keras`, the model of the best epoch.
        history: `history.csv`, one row per epoch.
        metrics: `metrics.json`, the scores, baselines included.
        card: `README.md`, the model card.
        plots, logs: the folders `plots/` and `logs/` (TensorBoard).
        saved_model: `saved_model/`, with a folder per version for TensorFlow Serving.
        tflite: `model.tflite`.
    """

    def __init__(self, app: str, path: Path):
        """Set the paths of the run at `path`; creates nothing. See `create` and `open`."""
        self.app = app
        self.path = Path(path)
        self.config_file = self.path / "config.json"
        self.vocab = self.path / "vocab.txt"
        self.state = self.path / "state.npz"
        self.best = self.path / "best.keras"
        self.history = self.path / "history.csv"
        self.metrics = self.path / "metrics.json"
        self.card = self.path / "README.md"
        self.plots = self.path / "plots"
        self.logs = self.path / "logs"
        self.saved_model = self.path / "saved_model"
        self.tflite = self.path / "model.tflite"

    def __str__(self) -> str:
        return str(self.path)

    @classmethod
    def create(
        cls,
        app: str,
        config: TrainingConfig,
        *,
        command: str = "",
        data_sha256: str | None = None,
        root: Path | None = None,
    ) -> Self:
        """Make the directory of a new run, with its `config.json`.

        Args:
            app: the application's name.
            config: its configuration; `config.run` names the run, None means
                `<preset>-<date>-<time>`.
            command: the command line that makes the run (`cli.command_line`).
            data_sha256: a digest of the data, compared on resume.
            root: the folder of all runs; None means `runs_root()`.

        Raises:
            InputError: a run of that name exists, or the directory cannot be made.
        """
        folder = (root or runs_root()) / app
        now = datetime.now().astimezone()
        values = {
            "app": app,
            "command": command,
            "created": now.isoformat(timespec="seconds"),
            "machine": describe_machine(),
            "versions": package_versions(),
            "data_sha256": data_sha256,
            "config": config.to_json(),
        }
        text = to_json(values)  # fails before a directory is made
        try:
            name = config.run or _free_name(folder, f"{config.preset}-{now:%Y%m%d-%H%M%S}")
            run = cls(app, folder / name)
            run.path.mkdir(parents=True)
            try:
                run.write_text("config.json", text)
            except BaseException:
                run.remove()
                raise
        except FileExistsError:
            raise InputError(
                f"the run {run} exists already; choose another --run name, "
                f"or continue it with --resume {name}"
            ) from None
        except OSError as error:
            raise InputError(f"cannot make a run in {folder}: {error.strerror}") from error
        return run

    @classmethod
    def open(
        cls, app: str, name: str | Path, *, trained: bool = True, root: Path | None = None
    ) -> Self:
        """The run that exists under that name.

        Args:
            app: the application's name.
            name: the run's name, or the path of its directory.
            trained: whether the run must have a model already (`best.keras`).
            root: the folder of all runs; None means `runs_root()`.

        Raises:
            InputError: there is no such run (the message lists the existing ones), it cannot be
                read, it is another application's, or it has no model yet.
        """
        folder = (root or runs_root()) / app
        try:
            found = [p for p in (folder / name, Path(name)) if (p / "config.json").is_file()]
        except OSError as error:
            raise InputError(f"cannot open the run {str(name)!r}: {error.strerror}") from error
        if not found:
            known = (
                f"the runs in {folder} are: {', '.join(names)}"
                if (names := run_names(folder))
                else f"there is none in {folder} (RNN_KERAS_RUNS names the folder of all runs)"
            )
            raise InputError(f"no run {str(name)!r} of {app}; {known}")
        run = cls(app, found[0])
        owner = run._read_config_file().get("app")
        if owner != app:
            raise InputError(f"{run} is a run of {owner}, not of {app}")
        if trained and not run.best.is_file():
            raise InputError(
                f"{run} has no best.keras, its training did not finish an epoch; "
                f"continue it with {run.resume_command}"
            )
        return run

    def load(self, source: Literal["saved_model", "litert"] = "saved_model") -> Any:
        """The exported model of the run, ready to use: see `load` of `apps.APP.exported`.

        Raises:
            InputError: the run is not exported, or the export is damaged.
        """
        import_tensorflow()
        return import_module(f"apps.{self.app}.exported").load(self, source)

    @property
    def name(self) -> str:
        """The run's name, the last part of its path."""
        return self.path.name

    @property
    def resume_command(self) -> str:
        """The command that continues the training of this run."""
        return f"python -m apps.{self.app}.train --resume {shlex.quote(str(self))}"

    @property
    def command(self) -> str:
        """The command lines that repeat the run, one in each line; see `write_config`."""
        return str(self._read_config_file().get("command", ""))

    @property
    def machine(self) -> str:
        """The machine that the run was created on (`describe_machine()`)."""
        return str(self._read_config_file().get("machine", ""))

    @property
    def data_sha256(self) -> str | None:
        """The digest of the data that the run was created with, or None."""
        return self._read_config_file().get("data_sha256")

    def read_config(self, config_class: type[Config]) -> Config:
        """The configuration of the run, as an instance of `config_class`.

        Raises:
            InputError: `config.json` is damaged or holds settings that are no fields of the class.
        """
        values = self._read_config_file().get("config")
        try:
            if not isinstance(values, dict):
                raise InputError("there is no configuration")
            return config_class.from_json(values)
        except InputError as error:
            raise InputError(f"{self.config_file}: {error}") from None

    def write_config(self, config: TrainingConfig) -> None:
        """Replace the configuration in `config.json`.

        A changed number of epochs adds a second command: repeating the run then means to stop the
        first command after its epochs, and to resume with the second one.
        """
        values = self._read_config_file()
        before = values.get("config", {}).get("epochs")
        if values.get("command") and before not in (None, config.epochs):
            values["command"] = self._continued(values["command"], before, config)
        self.write_json("config.json", values | {"config": config.to_json()})

    def _continued(self, command: str, before: int, config: TrainingConfig) -> str:
        """`command`, and one that resumes with other epochs than `before`."""
        if config.run is None and "\n" not in command:
            command += f" --run {self.name}"
        lines = self.history.read_text(encoding="utf-8") if self.history.exists() else "header\n"
        if (trained := lines.count("\n") - 1) < before:
            command += f"  # stopped after {trained} epochs"
        resume = f"python -m apps.{self.app}.train --resume {self.name}"
        return f"{command}\n{resume} --epochs {config.epochs}"

    def read_json(self, name: str) -> Any:
        """The value in the file `name` of the run.

        Raises:
            InputError: the file is missing or not JSON.
        """
        path = self.path / name
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"cannot read {path}: {error}") from error

    def write_json(self, name: str, value: Any) -> None:
        """Write `value` to the file `name` of the run, atomically."""
        self.write_text(name, to_json(value))

    def write_text(self, name: str, text: str) -> None:
        """Write `text` to the file `name` of the run, atomically."""
        write_text(self.path / name, text)

    @contextmanager
    def training(self) -> Iterator[None]:
        """Context of a training: an interruption or a failed write ends it with one line.

        A run without a model and without a saved state is then removed.

        Raises:
            InputError: as raised within, or a file could not be written.
            KeyboardInterrupt: as raised by Ctrl-C, with a message that says how to resume.
        """
        try:
            yield
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"interrupted; continue with: {self.resume_command}") from None
        except Exception as error:
            failure = write_failure(error)
            if failure is None and not isinstance(error, InputError):
                raise
            kept = [*self.path.rglob(self.best.name), *self.path.rglob(self.state.name)]
            if self.path.exists() and not kept:
                self.remove()
                raise InputError(
                    f"{failure or error}; {self} has no model yet and is removed"
                ) from error
            if failure is None:
                raise
            raise InputError(f"{failure}; continue with: {self.resume_command}") from error

    def remove(self) -> None:
        """Delete the directory and all that is in it."""
        shutil.rmtree(self.path)

    def _read_config_file(self) -> Mapping[str, Any]:
        try:
            values = json.loads(self.config_file.read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"cannot read {self.config_file}: {error.strerror}") from error
        except ValueError as error:
            raise InputError(f"{self.config_file} is not JSON: {error}") from None
        if not isinstance(values, dict):
            raise InputError(f"{self.config_file} holds no configuration")
        return values


def run_names(folder: Path) -> list[str]:
    """The names of the runs in `folder`, sorted."""
    return sorted(file.parent.name for file in folder.glob("*/config.json"))


def _free_name(folder: Path, name: str) -> str:
    """`name`, or the first of `name-2`, `name-3`, ... that is free in `folder`."""
    names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    return next(name for name in names if not (folder / name).exists())
