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
import pickle
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

_COMPILED_FROM = ("compiler.py", "layout.py", "sums.py", "bins.py", "ring.py", "kernels.py", "batch_kernels.py")
_SPOILT = (EOFError, pickle.UnpicklingError, ImportError, LookupError, ValueError)
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


def _set_up() -> tuple[Any, Path | None]:
    try:
        numba = importlib.import_module("numba")
        binding = importlib.import_module("llvmlite.binding")
    except Exception as error:  # a broken LLVM raises anything: OSError, ImportError, AttributeError
        _log.warning("numba cannot be imported (%s): exposure runs in plain Python, slower, same results", error)
        return None, None
    _import_without_scipy("numba.np.arraymath")
    folder = _private_folder(_cache_key(numba, binding))
    if folder is not None:
        numba.config.CACHE_DIR = str(folder)
    return numba, folder


def _import_without_scipy(module: str) -> None:
    """Import a part of numba that looks for SciPy's BLAS only to know whether it could multiply matrices.

    No kernel does; at the first compiled call the look cost 170 ms and 15 MB.
    """
    hidden = "scipy.linalg"
    if hidden in sys.modules:
        return
    sys.modules[hidden] = None  # type: ignore[assignment]  # importing it fails at once
    try:
        with contextlib.suppress(ImportError):  # a numba that is built otherwise finds its way alone
            importlib.import_module(module)
    finally:
        del sys.modules[hidden]


_numba, _folder = _set_up()


def kernel(function: Function) -> Function:
    """Compile a streaming kernel: it keeps the GIL (giving it away costs milliseconds beside a busy thread).

    It allocates nothing, so numba's reference counts on array views are left out: with them a reading took 146 ns
    instead of 39. The option has no public name; a numba without it compiles the slower form.
    """
    return _streaming(function, cached=_folder is not None)


def piece(function: Function) -> Function:
    """Compile a part of streaming kernels. They contain it, so it has no place of its own in the cache."""
    return _streaming(function, cached=False)


def inner(function: Function) -> Function:
    """Compile a part of streaming kernels into the place of each call, where every sample passes.

    A call passes two arrays as fourteen numbers on the stack; four calls deep that was half the time of a sample.
    """
    return _streaming(function, cached=False, forceinline=True)


def _streaming(function: Function, *, cached: bool, **options: bool) -> Function:
    if _numba is None:
        return function
    try:
        compiled: Function = _numba.njit(cache=cached, _nrt=False, **options)(function)
    except (KeyError, TypeError, AttributeError):
        compiled = _numba.njit(cache=cached, **options)(function)
    return compiled


def batch_kernel(function: Function) -> Function:
    """Compile a batch kernel, which gives the GIL to others while it works."""
    if _numba is None:
        return function
    compiled: Function = _numba.njit(cache=_folder is not None, nogil=True)(function)
    return compiled


def direct(function: Function, signature: str) -> Function:
    """A kernel's own entry for arguments of `signature`, without numba's look at the types of each call's arguments.

    That look took 150 ns of the 340 of a reading. Numbers are converted to the signature's types. A kernel that is not
    or cannot be compiled is called by its name, whatever stands there by then.
    """
    compile_for = getattr(function, "compile", None)
    if compile_for is None:
        return function
    try:
        entry: Function = compile_for(signature)
    except Exception as error:  # `readiness` meets it too and decides what to do
        _log.debug("%s has no direct entry: %s", function.__name__, error)
        return cast("Function", partial(_call, function.__module__, function.__name__))
    return entry


def _call(module: str, name: str, *args: object) -> Any:
    return getattr(sys.modules[module], name)(*args)


def is_compiled() -> bool:
    """Whether kernels run as machine code."""
    return _numba is not None and not _numba.config.DISABLE_JIT


def forget_cache(why: Exception) -> bool:
    """Whether `why` may come of a spoilt cache, as a power cut leaves it; its files are gone then: compile anew."""
    if _folder is None or not is_compiled() or not isinstance(why, _SPOILT):
        return False
    _log.warning("the cache of compiled kernels in %s is spoilt (%s): they are compiled anew", _folder, why)
    for file in _folder.rglob("*.nb[ic]"):
        file.unlink(missing_ok=True)
    return True


def give_up_compiling(why: object) -> None:
    """From now on kernels are plain Python; whoever holds kernels must reload their module."""
    _log.warning("kernels do not compile here (%s): exposure runs in plain Python, slower, with the same results", why)
    if _numba is not None:
        _numba.config.DISABLE_JIT = 1
