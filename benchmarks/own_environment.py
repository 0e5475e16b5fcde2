"""A virtual environment for each peer that needs other versions of our dependencies."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

_LOCKS: Final = Path(__file__).parents[1] / "requirements"


def own_environment(name: str) -> Path:
    """Install ``requirements/<name>.txt`` once, in the temporary folder, and return its Python.

    Raises
    ------
    subprocess.CalledProcessError
        The packages cannot be installed here.
    """
    lock = _LOCKS / f"{name}.txt"
    fingerprint = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"regulars-{name}-{fingerprint}"
    python, ready = folder / "bin" / "python", folder / ".ready"
    if not ready.is_file():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        uv = Path(sys.executable).with_name("uv")
        install = [str(uv), "pip", "install", "-q", "--python", str(python), "--require-hashes"]
        subprocess.run([*install, "-r", str(lock)], check=True)
        ready.touch()
    return python
