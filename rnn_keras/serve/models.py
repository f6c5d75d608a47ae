"""The served models: finding, loading, swapping and unloading their versions."""

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rnn_keras.serve import metrics
from rnn_keras.serve.errors import ServingError, clean, first_line
from rnn_keras.serve.servable import Servable
from rnn_keras.serve.sources import versions

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class VersionState:
    """TensorFlow Serving's `ModelVersionStatus`.

    Attributes:
        state: START, LOADING, AVAILABLE, UNLOADING or END.
        error: why it cannot be loaded, or empty.
    """

    state: str
    error: str = ""


class Model:
    """A model; its newest version that can be loaded is served.

    Args:
        name: the name it is served under.
        base: the folder of its versions.
        timeout: seconds after which a call is stopped.

    Attributes:
        servable: the version that is served, or None.
        states: a `VersionState` by version, of all versions that were ever served, and of failed
            ones whose files still exist.
    """

    def __init__(self, name: str, base: Path, timeout: float):
        self.name = name
        self.base = base
        self.timeout = timeout
        self.servable: Servable | None = None
        self.states: dict[int, VersionState] = {}
        self._refused: dict[int, tuple] = {}
        self._old: set[asyncio.Task] = set()

    @contextmanager
    def use(self, version: int | None = None) -> Iterator[Servable]:
        """The version that is served; it is not unloaded within the `with` block.

        Raises:
            ServingError: NOT_FOUND, that version is not served.
        """
        servable = self.servable
        if servable is None or version not in (None, servable.version):
            raise not_found(self.name, version)
        servable.users += 1
        try:
            yield servable
        finally:
            servable.users -= 1

    async def refresh(self, pool: ThreadPoolExecutor) -> None:
        """Search for versions, and serve the newest that can be loaded.

        The one before is served until then, and unloaded after its last request. A version that
        cannot be loaded is tried again when its files change.
        """
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(pool, versions, self.base)
        for version in self._refused.keys() - found.keys():
            del self._refused[version], self.states[version]
        for version in sorted(found, reverse=True):
            if self.servable and version == self.servable.version:
                return
            files = await loop.run_in_executor(pool, _fingerprint, found[version])
            if self._refused.get(version) == files:
                continue
            self.states[version] = VersionState("LOADING")
            try:
                servable = await loop.run_in_executor(
                    pool, Servable, version, found[version], self.timeout
                )
            except Exception as error:  # damaged files fail in many ways; none may stop the server
                self._refused[version] = files
                # Clients read it, and should not learn where on this machine the files are.
                words = first_line(str(error)).replace(f"{self.base}/", "")
                self.states[version] = VersionState("END", words)
                logger.error("%s version %d is refused: %s", self.name, version, words)
                continue
            self._refused.pop(version, None)
            self._swap(servable, pool)
            return

    def _swap(self, servable: Servable, pool: ThreadPoolExecutor) -> None:
        old, self.servable = self.servable, servable
        self.states[servable.version] = VersionState("AVAILABLE")
        metrics.served_version.labels(self.name).set(servable.version)
        if old:
            logger.info("%s version %d is served", self.name, servable.version)
            self.states[old.version] = VersionState("UNLOADING")
            task = asyncio.create_task(self._unload(old, pool))
            self._old.add(task)  # the loop keeps only a weak reference
            task.add_done_callback(self._old.discard)

    async def _unload(self, servable: Servable, pool: ThreadPoolExecutor) -> None:
        while servable.users:
            await asyncio.sleep(0.05)
        await asyncio.get_running_loop().run_in_executor(pool, servable.close)
        if servable.version != self.servable.version:  # it may be served again already
            self.states[servable.version] = VersionState("END")
        logger.info("%s version %d is unloaded", self.name, servable.version)


class ModelStore(Mapping[str, Model]):
    """The models by name.

    Args:
        bases: the folder of versions of each model (`locate`).
        timeout: seconds after which a call is stopped.
    """

    def __init__(self, bases: Mapping[str, Path], timeout: float = 30.0):
        self._models = {name: Model(name, base, timeout) for name, base in bases.items()}
        # One at a time, so that loading takes at most one core from running requests; `load` is for
        # the start.
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="loader")

    def __getitem__(self, name: str) -> Model:
        return self._models[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._models)

    def __len__(self) -> int:
        return len(self._models)

    @property
    def missing(self) -> dict[str, str]:
        """The models without a served version, and why."""
        return {
            name: "; ".join(
                f"version {version}: {state.error}" for version, state in model.states.items()
            )
            or f"no version in {model.base}"
            for name, model in self.items()
            if model.servable is None
        }

    async def load(self, loaded: Callable[[Servable, str, float], None]) -> None:
        """Load all models in parallel.

        Args:
            loaded: called after each with the version, the model's name and the seconds it took.
        """

        async def load_one(model, pool):
            start = time.perf_counter()
            await model.refresh(pool)
            if model.servable:
                loaded(model.servable, model.name, time.perf_counter() - start)

        with ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="loader") as pool:
            await asyncio.gather(*(load_one(model, pool) for model in self.values()))

    async def refresh(self) -> None:
        """Search for new versions of every model."""
        for model in self.values():
            try:
                await model.refresh(self._pool)
            except OSError as error:  # such as a network drive that is briefly unavailable
                logger.error("cannot look for versions of %s: %s", model.name, error)

    @asynccontextmanager
    async def watch(self, seconds: float) -> AsyncIterator[None]:
        """Search for new versions, now and every `seconds` seconds within the `with` block."""
        await self.refresh()
        task = asyncio.create_task(self._watch(seconds))
        try:
            yield
        finally:
            task.cancel()
            self._pool.shutdown(wait=False, cancel_futures=True)

    async def _watch(self, seconds):
        while True:
            await asyncio.sleep(seconds)
            await self.refresh()


def not_found(name: str, version: int | None) -> ServingError:
    """The error for a model or version that is not served, in TensorFlow Serving's words."""
    wanted = f"Latest({clean(name)})" if version is None else f"Specific({clean(name)}, {version})"
    return ServingError("NOT_FOUND", f"Servable not found for request: {wanted}")


def _fingerprint(folder: Path) -> tuple:
    """A value that changes when a file in the folder does."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return tuple((str(path), (s := path.stat()).st_size, s.st_mtime_ns) for path in found)
