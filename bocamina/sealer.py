"""The gateway's own sealing: a process of low priority now and then, so that no alarm waits for Parquet."""

import json
import logging
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NamedTuple

_log = logging.getLogger(__name__)

EVERY_S: Final = 900.0
"""Between two sealings: readings that came late for a sealed day are looked for in the journal until then."""
LONGEST_S: Final = 3600.0


class ArchiveState(NamedTuple):
    """How the archive stands, for `gateway/status`. trouble: why the last sealing failed, one sentence."""

    sealing: bool
    detail: str
    trouble: str | None = None


class Sealer:
    """A thread that runs `bocamina seal` on this site. command: for tests."""

    def __init__(self, site_file: Path, *, every_s: float = EVERY_S, command: list[str] | None = None) -> None:
        self._command = command or [sys.executable, "-m", "bocamina", "seal", str(site_file), "--gently", "--json"]
        self._every_s = every_s
        self._stopping = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        missing = [name for name in ("pyarrow", "duckdb") if find_spec(name) is None]
        self._able = not missing
        self._state = ArchiveState(
            self._able, "not sealed yet" if self._able else f"off: {' and '.join(missing)} not installed"
        )
        self._thread = threading.Thread(target=self._work, name="sealer", daemon=True)

    @property
    def state(self) -> ArchiveState:
        """How it stands now."""
        return self._state

    def start(self) -> None:
        """Begin, where the libraries are installed; the journal keeps everything where they are not."""
        if self._able:
            self._thread.start()
        else:
            _log.warning("archive %s; expected `pip install 'bocamina[archive]'`", self._state.detail)

    def stop(self, wait_s: float = 5.0) -> None:
        """End; a sealing at work is killed, which the archive survives."""
        self._stopping.set()
        with self._lock:
            if self._process is not None:
                self._process.kill()
        if self._thread.is_alive():
            self._thread.join(wait_s)

    def _work(self) -> None:
        while not self._stopping.wait(self._every_s):
            try:
                self._note(*self._run())
            except OSError as error:
                self._note(1, "", str(error))

    def _run(self) -> tuple[int, str, str]:
        with self._lock:
            if self._stopping.is_set():
                return 0, "", ""
            self._process = subprocess.Popen(  # noqa: S603  our own command
                self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
        process = self._process
        try:
            out, err = process.communicate(timeout=LONGEST_S)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            err = f"took longer than {LONGEST_S:.0f} s"
        with self._lock:
            self._process = None
        return process.returncode, out, err

    def _note(self, status: int, out: str, err: str) -> None:
        if self._stopping.is_set():
            return
        if status:
            sentence = " ".join(err.split())[-300:] or f"ended with status {status}"
            if self._state.trouble is None:
                _log.error("archive: %s; the journal keeps everything, tried again", sentence)
            self._state = ArchiveState(True, "the last sealing failed", sentence)
            return
        done: dict[str, Any] = json.loads(out)
        if done["days"] or done["late"]:
            _log.info("archive: %d readings; sealed %s, late %s", done["readings"], done["days"], done["late"])
        self._state = ArchiveState(True, f"{len(done['waiting'])} days are not over yet")
