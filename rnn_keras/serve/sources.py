"""The models that the command's arguments name."""

from collections.abc import Iterable
from pathlib import Path


def versions(base: Path) -> dict[int, Path]:
    """The SavedModels below `base` by version: folders whose name is an int64, as for TensorFlow
    Serving. Empty if there are none."""
    if not base.is_dir():
        return {}
    return {
        int(path.name): path
        for path in base.iterdir()
        if path.name.isascii()
        and path.name.isdigit()
        and int(path.name) < 2**63
        and (path / "saved_model.pb").is_file()
    }


def locate(sources: Iterable[str]) -> dict[str, Path]:
    """The base paths of models, by the names they are served under.

    Args:
        sources: paths, or `NAME=PATH` for a name of one's own. A path is one of
            - a folder of versions, `NAME/1/saved_model.pb`, served as NAME;
            - a run directory, `saved_models/char_lm/RUN`, served under its application's name;
            - the folder of an application, `saved_models/char_lm`: its newest run;
            - the folder of all runs, `saved_models`: the newest run of each application.

    Raises:
        ValueError: there is no model at a path, two models have the same name, or a name has a
            character that an address of the REST API cannot hold.
    """
    found: dict[str, Path] = {}
    for source in sources:
        name, equals, path = source.partition("=")
        models = _models(Path(path if equals else source).resolve())
        if not models:
            raise ValueError(
                f"{source} holds no SavedModel: give a run directory, a folder of runs, or a "
                "folder of versions such as NAME/1/saved_model.pb"
            )
        if equals:
            if len(models) > 1:
                raise ValueError(f"{source} names {len(models)} models; name one of them")
            models = {name: next(iter(models.values()))}
        for name, base in models.items():
            if not name or set(name) & set("/:%"):
                raise ValueError(f"{name!r} cannot be a model's name: it is empty or has / : %")
            if name in found and found[name] != base:
                raise ValueError(
                    f"two models are called {name}; give one another name: "
                    f"{name}-2={base.parent if base.name == 'saved_model' else base}"
                )
            found[name] = base
    return found


def _models(path: Path) -> dict[str, Path]:
    if versions(path):
        return {path.parent.parent.name if path.name == "saved_model" else path.name: path}
    if versions(path / "saved_model"):
        return {path.parent.name: path / "saved_model"}
    if newest := _newest_run(path):
        return {path.name: newest}
    return {child.name: run for child in _folders(path) if (run := _newest_run(child))}


def _newest_run(app: Path) -> Path | None:
    """The base path of the run that was exported last."""
    runs = {run / "saved_model": versions(run / "saved_model") for run in _folders(app)}
    exported = {
        base: max((path / "saved_model.pb").stat().st_mtime for path in found.values())
        for base, found in runs.items()
        if found
    }
    return max(exported, key=exported.get, default=None)


def _folders(path: Path) -> list[Path]:
    return sorted(child for child in path.iterdir() if child.is_dir()) if path.is_dir() else []
