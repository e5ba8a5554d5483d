"""`make fuzz`: every target for its share of BOCAMINA_FUZZ_SECONDS (60 in all; at least one each), or those named.

Corpora and what breaks a target stay under build/fuzz; nothing is written elsewhere. Status 1 if a target broke.
"""

import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS

ROOT: Final = Path(__file__).parents[2]
WORKERS: Final = 2
"""Cores of the smallest machine that we build on."""
START_S: Final = 2.0
"""[s] What a target takes before its first input: imports, instrumented."""
LONGEST_INPUT: Final = 1024
INPUT_S: Final = 10
"""[s] Slower than that for one input is a hang."""
MEMORY_MB: Final = 1024


def fuzz(name: str, seconds: int, build: Path) -> tuple[str, bool, str]:
    """One target in a process of its own: its name, whether it held, and how many inputs or what broke it."""
    corpus, broken = build / "corpus" / name, build / "broken"
    corpus.mkdir(parents=True, exist_ok=True)
    broken.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(seeds(name)):
        (corpus / f"seed-{number}").write_bytes(data)
    command = [
        sys.executable, "-m", "tests.fuzz.one", name, str(corpus), f"-artifact_prefix={broken}/{name}-",
        f"-max_total_time={seconds}", f"-max_len={LONGEST_INPUT}", f"-timeout={INPUT_S}", f"-rss_limit_mb={MEMORY_MB}",
        "-print_final_stats=1",
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False, timeout=seconds + 120
    )
    if done.returncode:
        return name, False, "\n".join((done.stdout + done.stderr).splitlines()[-25:])
    runs = re.search(r"number_of_executed_units: (\d+)", done.stderr)
    return name, True, f"{runs[1] if runs else '?'} inputs"


def main() -> int:
    """All targets, two at a time."""
    names = sys.argv[1:] or list(TARGETS)
    unknown = [name for name in names if name not in TARGETS]
    if unknown:
        print(f"{unknown[0]!r} is no target; expected some of {', '.join(TARGETS)}", file=sys.stderr)
        return 2
    total = float(os.environ.get("BOCAMINA_FUZZ_SECONDS", "60"))
    each = max(1, int(total * WORKERS / len(names) - START_S))
    build = Path(os.environ.get("BOCAMINA_BUILD", ROOT / "build")) / "fuzz"
    began = time.monotonic()
    with ThreadPoolExecutor(WORKERS) as pool:
        results = list(pool.map(lambda name: fuzz(name, each, build), names))
    for name, held, said in results:
        print(f"{'held' if held else 'BROKE':<6} {name:<24} {said}")
    broke = [name for name, held, _ in results if not held]
    took = time.monotonic() - began
    print(f"{len(results) - len(broke)} of {len(results)} targets held, {each} s each, {took:.0f} s")
    return 1 if broke else 0


if __name__ == "__main__":
    sys.exit(main())
