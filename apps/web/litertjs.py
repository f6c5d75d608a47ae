"""The npm package of LiteRT.js, which runs LiteRT files in a browser."""

import os
import shutil
import subprocess
from pathlib import Path

from apps.common.errors import InputError

VERSION = "2.5.3"
CORE = "node_modules/@litertjs/core"
FILES = (
    f"{CORE}/dist/index.js",
    "node_modules/@litertjs/wasm-utils/dist/index.js",
    # With relaxed SIMD and without; of one thread, so that no COOP and COEP are needed.
    *(f"{CORE}/wasm/litert_wasm_{kind}.{suffix}" for kind in ("internal", "compat_internal")
      for suffix in ("js", "wasm")),
)  # fmt: skip


def install() -> Path:
    """The folder with `node_modules`, in the user's cache; npm installs the package on first use.

    Raises:
        InputError: there is no npm, or it fails; the message has the alternative.
    """
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = root / "rnn_keras" / f"litertjs-{VERSION}"
    if all((folder / file).is_file() for file in FILES):
        return folder
    package = f"@litertjs/core@{VERSION}"
    advice = f"give --litertjs FOLDER, where `npm install {package}` has run"
    if shutil.which("npm") is None:
        raise InputError(f"npm is not installed; {advice}")
    folder.mkdir(parents=True, exist_ok=True)
    command = ["npm", "install", "--prefix", folder, "--no-audit", "--no-fund", package]
    npm = subprocess.run(command, capture_output=True, text=True)
    if npm.returncode:
        reason = (npm.stderr.strip().splitlines() or ["no message"])[0]
        raise InputError(f"npm cannot install {package}: {reason}; {advice}")
    return folder


def check(folder: Path) -> None:
    """Refuses a folder without the package.

    Raises:
        InputError: a file is missing; the message names it.
    """
    for file in FILES:
        if not (folder / file).is_file():
            raise InputError(
                f"{folder} holds no {file}; run `npm install @litertjs/core@{VERSION}` there"
            )
