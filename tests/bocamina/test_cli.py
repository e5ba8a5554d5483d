"""The frame of the command line: statuses, one sentence an error, and a fast start."""

import subprocess
import sys
import time
from typing import Annotated

import pytest
import typer

from bocamina.cli import COMMANDS, call, commands, run
from gateway.domain.errors import ConfigError, FormatError, FrameError, LinkLost, OperationFailed, Refused


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("bocamina 0.")


def test_the_version_does_not_wait_for_anything_heavy() -> None:
    code = "import sys; from bocamina.cli import run; run(['--version']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"typer", "rich", "pydantic", "numpy", "numba", "paho", "fastapi", "networkx", "gateway.domain.limits"}
    assert not heavy & set(done.stdout.split())


@pytest.mark.bench
def test_the_version_in_a_fifth_of_a_second() -> None:
    times = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "bocamina", "--version"], check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.2


def test_help_lists_every_command_that_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    output = capsys.readouterr().out
    assert all(f"\n  {name} " in output for name in commands())
    assert {"check", "limits"} <= set(commands()) <= set(COMMANDS)


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    output = capsys.readouterr()
    assert output.out.startswith(f"Usage: bocamina {name}")
    assert output.err == ""


def test_wrong_use_is_one_sentence_and_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, sentence in [
        (["chek"], "'chek' is no command of bocamina; expected one of check, "),
        (["--verison"], "'--verison' is no option of bocamina; "),
        (["check"], "Missing argument 'SITE.toml'; see 'bocamina check --help'"),
        (["check", "a", "b"], "Got unexpected extra argument"),
        (["check", "a", "--jsn"], "No such option: --jsn"),
    ]:
        assert run(arguments) == 2
        output = capsys.readouterr()
        assert output.err.startswith(sentence)
        assert output.err.count("\n") == 1
        assert output.out == ""


def test_nothing_asked_is_answered_with_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    assert "usage: bocamina" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (ConfigError("a.b: wrong", "c: wrong"), 2, "a.b: wrong\nc: wrong\n"),
        (FormatError("json", "not SenML"), 2, "not SenML\n"),
        (FrameError("no frame"), 2, "no frame\n"),
        (OperationFailed("port 8000 is in use"), 1, "port 8000 is in use\n"),
        (LinkLost("gone"), 1, "gone\n"),
        (Refused("not now"), 1, "not now\n"),
        (PermissionError(13, "Permission denied", "/x"), 1, "/x: Permission denied\n"),
        (typer.Exit(3), 3, ""),
        (typer.Abort(), 130, ""),
    ],
)
def test_an_error_is_its_sentence(
    error: Exception, status: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise error

    assert call(fail, [], "bocamina fail") == status
    assert capsys.readouterr().err == text


def test_a_fault_of_our_own_is_no_traceback_either(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.delenv("BOCAMINA_TRACEBACK", raising=False)
    assert call(fail, [], "bocamina fail") == 1
    output = capsys.readouterr().err
    assert output.startswith("bocamina fail: a fault in bocamina itself: ZeroDivisionError: division by zero; ")
    assert output.count("\n") == 1
    monkeypatch.setenv("BOCAMINA_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        call(fail, [], "bocamina fail")


def test_a_command_may_return_its_status() -> None:
    def three(value: Annotated[int, typer.Argument()]) -> int:
        return value

    assert call(three, ["3"], "bocamina three") == 3


def test_a_wrong_value_names_the_option(capsys: pytest.CaptureFixture[str]) -> None:
    def speed(speed: Annotated[float, typer.Option()] = 1.0) -> None: ...

    assert call(speed, ["--speed", "fast"], "bocamina speed") == 2
    assert capsys.readouterr().err.startswith("Invalid value for '--speed': ")


def test_an_interrupt_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    assert call(stop, [], "bocamina stop") == 130
    assert capsys.readouterr().err == ""


def test_a_reader_that_leaves_is_no_error() -> None:
    program = [sys.executable, "-m", "bocamina", "limits", "--json"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=30) == 1
