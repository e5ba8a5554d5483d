"""Where numba is set up, before anything else imports it: the one place that knows whether kernels are compiled.

Without numba, or with `NUMBA_DISABLE_JIT=1`, a kernel stays the plain Python function that it is: slower by a factor
of about a hundred, the same integers and therefore the same results.
"""

import contextlib
import hashlib
import importlib
import importlib.metadata
import logging
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

_COMPILED_FROM = ("compiler.py", "layout.py", "sums.py", "bins.py", "ring.py", "kernels.py", "batch_kernels.py")
_log = logging.getLogger(__name__)
Function = TypeVar("Function", bound=Callable[..., Any])


def _candidates(name: str) -> Iterator[Path]:
    chosen = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME")
    if chosen:
        yield Path(chosen) / name
    with contextlib.suppress(RuntimeError):  # a service user without a home
        yield Path.home() / ".cache" / name
    yield Path(tempfile.gettempdir()) / f"{name}-{os.getuid()}"


def _private_folder(name: str) -> Path | None:
    """The first folder that is ours alone and writable. Compiled code is executed, so nobody else may write it."""
    for folder in _candidates(name):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            facts = folder.stat()
            ours = facts.st_uid == os.getuid() and not stat.S_IMODE(facts.st_mode) & 0o022
            if ours and os.access(folder, os.W_OK | os.X_OK):
                return folder
        except OSError:
            continue
    return None


def _cache_key(numba: Any, binding: Any) -> str:
    """One folder per package version, source, numba version and processor: a foreign cache is never even looked at."""
    try:
        version = importlib.metadata.version("bocamina")
    except importlib.metadata.PackageNotFoundError:
        version = "0"
    # numba notices a changed file of kernels, but neither a changed constant that it imports nor a changed option
    here = Path(__file__).parent
    source = b"".join((here / name).read_bytes() for name in _COMPILED_FROM)
    words = (numba.__version__, binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten())
    digest = hashlib.sha256("|".join(words).encode() + source).hexdigest()[:16]
    return f"bocamina-kernels-{version}-{digest}"


def _set_up() -> tuple[Any, bool]:
    try:
        numba = importlib.import_module("numba")
        binding = importlib.import_module("llvmlite.binding")
    except Exception as error:  # a broken LLVM raises anything: OSError, ImportError, AttributeError
        _log.warning("numba cannot be imported (%s): exposure runs in plain Python, slower, same results", error)
        return None, False
    folder = _private_folder(_cache_key(numba, binding))
    if folder is not None:
        numba.config.CACHE_DIR = str(folder)
    return numba, folder is not None


_numba, _cached = _set_up()


def kernel(function: Function) -> Function:
    """Compile a streaming kernel: it keeps the GIL (giving it away costs milliseconds beside a busy thread).

    It allocates nothing, so numba's reference counts on array views are left out: with them a reading took 146 ns
    instead of 39. The option has no public name; a numba without it compiles the slower form.
    """
    if _numba is None:
        return function
    try:
        compiled: Function = _numba.njit(cache=_cached, _nrt=False)(function)
    except (KeyError, TypeError, AttributeError):
        compiled = _numba.njit(cache=_cached)(function)
    return compiled


def batch_kernel(function: Function) -> Function:
    """Compile a batch kernel, which gives the GIL to others while it works."""
    if _numba is None:
        return function
    compiled: Function = _numba.njit(cache=_cached, nogil=True)(function)
    return compiled


def is_compiled() -> bool:
    """Whether kernels run as machine code."""
    return _numba is not None and not _numba.config.DISABLE_JIT


def give_up_compiling(why: object) -> None:
    """From now on kernels are plain Python; whoever holds kernels must reload their module."""
    _log.warning("kernels do not compile here (%s): exposure runs in plain Python, slower, with the same results", why)
    if _numba is not None:
        _numba.config.DISABLE_JIT = 1
