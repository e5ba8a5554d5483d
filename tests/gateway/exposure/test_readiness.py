"""Compiled or not, cached or not, the exposure core gives the same numbers or refuses to start."""

import importlib
import logging
import os
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest

from gateway.domain.errors import OperationFailed
from gateway.exposure import compiler, kernels, readiness
from gateway.exposure.streaming import Streaming


def in_a_process(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, timeout=60,
        check=True,
    )  # fmt: skip


WARM_UP = "from gateway.exposure.readiness import warm_up; print(warm_up())"


def test_the_kernels_prove_themselves():
    assert readiness.warm_up() is compiler.is_compiled()


def test_so_do_those_of_whole_records():
    assert readiness.warm_up_batch() is compiler.is_compiled()


def test_wrong_windows_stop_a_judgement(monkeypatch):
    right = readiness.rolling_means
    monkeypatch.setattr(readiness, "rolling_means", lambda *args: right(*args)._replace(low=right(*args).low * 1.0001))
    with pytest.raises(OperationFailed, match="failed their self-check: the window of"):
        readiness.warm_up_batch()


def test_without_compiling_the_same_numbers_come_from_plain_python():
    code = (
        "from gateway.exposure import readiness; from gateway.exposure.streaming import *\n"
        "s = Streaming([Line(7.0, 500.0)])\n"
        "for t, v, q, r in readiness._series(): s.feed(0, t, v, q, r)\n"
        "print(repr(s.figures(0, t)), repr(s.long_window(0, t)), s.dump_small())"
    )
    assert in_a_process(code).stdout == in_a_process(code, NUMBA_DISABLE_JIT="1").stdout


def test_a_missing_numba_is_logged_and_the_gateway_still_counts():
    code = f"import sys; sys.modules['numba'] = None; import logging; logging.basicConfig(); {WARM_UP}"
    result = in_a_process(code)
    assert result.stdout == "False\n"
    assert "slower, same results" in result.stderr


def test_kernels_that_do_not_compile_are_replaced_by_plain_python():
    code = (
        "import logging; logging.basicConfig()\n"
        "from gateway.exposure import kernels, readiness\n"
        "def broken(*_): raise RuntimeError('no LLVM for this processor')\n"
        "kernels.feed = broken\n"
        "print(readiness.warm_up(), kernels.feed is not broken)"
    )
    result = in_a_process(code)
    assert result.stdout == "False True\n"
    assert "do not compile here (no LLVM for this processor)" in result.stderr


def test_wrong_numbers_stop_the_start(monkeypatch):
    right = Streaming.figures
    monkeypatch.setattr(Streaming, "figures", lambda *args: right(*args)._replace(e8=1.0))
    with pytest.raises(OperationFailed, match="failed their self-check"):
        readiness.warm_up()


def test_the_cache_is_a_private_folder_of_its_own_version(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "chosen"))
    folder = compiler._private_folder("kernels-1")
    assert folder == tmp_path / "chosen" / "kernels-1"
    assert folder.stat().st_mode & 0o077 == 0
    folder.chmod(0o777)  # somebody else may write there: never run code from it
    assert compiler._private_folder("kernels-1") != folder


def test_nowhere_to_write_means_no_cache_and_no_failure(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(blocked))
    monkeypatch.setenv("HOME", str(blocked))
    monkeypatch.setattr(compiler.tempfile, "gettempdir", lambda: str(blocked))
    assert compiler._private_folder("kernels-1") is None


def test_each_package_numba_processor_and_source_has_a_cache_of_its_own(monkeypatch):
    class Machine:
        def __init__(self, cpu, features):
            self.get_host_cpu_name = lambda: cpu
            self.get_host_cpu_features = lambda: SimpleNamespace(flatten=lambda: features)

    here, numba = Machine("cortex-a72", "+neon"), SimpleNamespace(__version__="0.60.0")
    keys = [compiler._cache_key(numba, here)]
    assert compiler._cache_key(numba, Machine("cortex-a72", "+neon")) == keys[0]
    keys += [
        compiler._cache_key(SimpleNamespace(__version__="0.61.0"), here),
        compiler._cache_key(numba, Machine("cortex-a76", "+neon")),
        compiler._cache_key(numba, Machine("cortex-a72", "+neon,+dotprod")),
    ]
    monkeypatch.setattr(compiler, "_COMPILED_FROM", ("sums.py",))
    keys.append(compiler._cache_key(numba, here))
    monkeypatch.setattr(compiler.importlib.metadata, "version", lambda _: "9.9.9")
    keys.append(compiler._cache_key(numba, here))
    assert len(set(keys)) == len(keys)


@pytest.mark.skipif(not compiler.is_compiled(), reason="numba does not compile here")
def test_a_cache_that_a_power_cut_has_spoilt_is_compiled_anew(tmp_path):
    """Files that were created and never filled; once they cost the gateway its speed for good."""
    readiness.warm_up()
    shutil.copytree(compiler._folder, tmp_path / compiler._folder.name)
    found = list(tmp_path.rglob("kernels.start_shift-*.nbi"))  # one for each checkout that used this cache
    for spoilt in found:
        spoilt.write_bytes(bytes(spoilt.stat().st_size))
    code = (  # one kernel stands for all: each takes its time to compile
        "import logging; logging.basicConfig()\n"
        "import numpy as np; from gateway.exposure import kernels, layout, readiness\n"
        "rows = np.zeros((1, layout.INTS), np.int64), np.zeros((1, layout.FLOATS))\n"
        "readiness._problem = lambda: kernels.start_shift(*rows, 1, 1)\n"
        "print(readiness.warm_up())"
    )
    result = in_a_process(code, NUMBA_CACHE_DIR=str(tmp_path))
    assert result.stdout == "True\n"
    assert "is spoilt (invalid load key" in result.stderr
    assert any(spoilt.exists() and spoilt.read_bytes().strip(b"\0") for spoilt in found)
    again = in_a_process(code, NUMBA_CACHE_DIR=str(tmp_path))
    assert (again.stdout, again.stderr) == ("True\n", "")


@pytest.mark.skipif(not compiler.is_compiled(), reason="numba does not compile here")
def test_kernels_compile_where_nothing_can_be_written():
    code = (
        "import tempfile; tempfile.tempdir = '/proc/nowhere'\n"
        "from gateway.exposure import compiler\n"
        "twice = compiler.kernel(lambda x: 2 * x)\n"
        "print(compiler._folder, twice(21), compiler.is_compiled())"
    )
    result = in_a_process(code, NUMBA_CACHE_DIR="/proc/nowhere", XDG_CACHE_HOME="/proc/nowhere", HOME="/proc/nowhere")
    assert result.stdout == "None 42 True\n"


def test_the_first_reading_does_not_fetch_scipy_and_others_still_can():
    code = (
        "import sys; from gateway.exposure.streaming import *\n"
        "Streaming([Line(30.0)]).sample(0, 0, 1.0, 0); print('scipy.linalg' in sys.modules)\n"
        "import scipy.linalg; print(scipy.linalg.det([[2.0, 0.0], [0.0, 3.0]]))"
    )
    assert in_a_process(code).stdout.split() == ["False", "6.0"]


def test_a_kernel_without_a_direct_entry_is_called_by_its_name(monkeypatch):
    class Broken:
        __name__, __module__ = "figures", kernels.__name__

        def compile(self, signature):
            raise RuntimeError(f"no LLVM for {signature}")

    call = compiler.direct(Broken(), "(int64)")
    monkeypatch.setattr(kernels, "figures", lambda *args: args)
    assert call(1, 2) == (1, 2)
    assert compiler.direct(len, "(int64)") is len


def test_giving_up_leaves_a_word_in_the_log(caplog, monkeypatch):
    monkeypatch.setattr(compiler, "_numba", None)
    with caplog.at_level(logging.WARNING):
        compiler.give_up_compiling("reasons")
    assert "do not compile here (reasons)" in caplog.text
    assert not compiler.is_compiled()
    assert importlib.import_module("gateway.exposure.kernels") is kernels
