"""Compiled or not, cached or not, the exposure core gives the same numbers or refuses to start."""

import importlib
import logging
import os
import subprocess
import sys

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


def test_without_compiling_the_same_numbers_come_from_plain_python():
    code = (
        "from gateway.exposure import readiness; from gateway.exposure.streaming import *\n"
        "s = Streaming([Line(7.0, 500.0)])\n"
        "for t, v, q, r in readiness._series(): s.feed(0, t, v, q, r)\n"
        "print(repr(s.figures(0, t)), repr(s.eight_hours(0, t)), s.dump_small())"
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


def test_giving_up_leaves_a_word_in_the_log(caplog, monkeypatch):
    monkeypatch.setattr(compiler, "_numba", None)
    with caplog.at_level(logging.WARNING):
        compiler.give_up_compiling("reasons")
    assert "do not compile here (reasons)" in caplog.text
    assert not compiler.is_compiled()
    assert importlib.import_module("gateway.exposure.kernels") is kernels
