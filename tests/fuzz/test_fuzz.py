"""The fuzzing targets hold on their seeds, damaged seeds and noise; atheris runs where it is there (`make fuzz`)."""

import importlib.util
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.drivers.items import Frame
from gateway.drivers.table import DRIVERS
from gateway.formats.table import FORMATS
from tests.fuzz.seeds import seeds
from tests.fuzz.targets import NOW_S, SEPARATOR, TARGETS

ROOT = Path(__file__).parents[2]
FUZZ = [sys.executable, "-m", "tests.fuzz.run"]


def test_everything_that_reads_bytes_is_a_target() -> None:
    assert set(TARGETS) >= {*DRIVERS, *FORMATS, "modbus", "sms-pdu"}


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_holds_on_damaged_seeds(name: str) -> None:
    dice = random.Random(name)
    for seed in seeds(name):
        TARGETS[name](seed)
        for _ in range(20):
            data = bytearray(seed)
            for _ in range(dice.randint(1, 4)):
                at = dice.randrange(len(data))
                data[at : at + dice.randint(0, 2)] = dice.choice([b"", dice.randbytes(1), b"\x00", b"\xff" * 3, seed])
            TARGETS[name](bytes(data))
    for size in (0, 1, 7, 300, 1024):
        TARGETS[name](dice.randbytes(size))


@pytest.mark.parametrize("name", DRIVERS)
def test_a_seed_is_a_frame(name: str) -> None:
    found = DRIVERS[name].decoder().feed(seeds(name)[-1][1:])
    if name.startswith("plantower-") and name not in ("plantower-pms", "plantower-pms5003s"):
        return  # the emulator is of the other models
    assert any(isinstance(item, Frame) for item in found)


@pytest.mark.parametrize("name", FORMATS)
def test_a_seed_is_a_message(name: str) -> None:
    decode = FORMATS[name].session()
    topic, _, payload = seeds(name)[0].split(SEPARATOR)[0].partition(b"\n")
    assert decode(topic.decode(), payload, NOW_S)


def test_a_name_that_is_no_target_is_one_sentence() -> None:
    done = subprocess.run([*FUZZ, "nothing"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "'nothing' is no target" in done.stderr


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed: make fuzz")
def test_atheris_runs_and_writes_only_where_it_may(tmp_path: Path) -> None:
    environment = {**os.environ, "BOCAMINA_FUZZ_SECONDS": "2", "BOCAMINA_BUILD": str(tmp_path)}
    done = subprocess.run(
        [*FUZZ, "gill-windsonic", "senml-json"], cwd=ROOT, env=environment, capture_output=True, text=True,
        timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 of 2 targets held" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["fuzz"]
    assert list((tmp_path / "fuzz" / "corpus" / "senml-json").glob("seed-*"))
    assert not list((tmp_path / "fuzz" / "broken").iterdir())
