"""From PUBLISH of the reading that completes a condition to the alarm on the siren's topic, under load.

5,000 readings/s, five a message, QoS 1, journal on and synced, real Mosquitto with deploy/mosquitto.conf. The gateway
has one core, load, broker and listener the other. Run once with the disk as it is and once with every commit stalled.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from gateway.stores.paths import journal_path
from tests.end_to_end.mine import ROOT, SITE, Gateway, Listener, ready, wait_for
from tests.fixtures.archive_load import beside, fill
from tests.fixtures.pty import Cable

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]

NODES = 20
SIRENS = int(os.environ.get("BOCAMINA_BENCH_SIRENS", "24"))
LINES = int(os.environ.get("BOCAMINA_BENCH_LINES", "24"))
"""Probes that come by MQTT, and by serial lines with a Winsen ZE03 for HCN each."""
SECONDS = int(os.environ.get("BOCAMINA_BENCH_SECONDS", "40"))


def ze03_hcn(ppm: float) -> bytes:
    """Active upload: gas 2F (HCN), ppm, one decimal, full scale 50 (manual ZE03; sensor protocols, section 5)."""
    body = bytes([0x2F, 0x03, 0x01, *round(ppm * 10).to_bytes(2, "big"), *(500).to_bytes(2, "big")])
    return b"\xff" + body + bytes([-sum(body) & 0xFF])


def site_text(port: int, lines: Sequence[Path] = ()) -> str:
    """20 nodes of 5 CO cells for the load; workshops (each affects itself alone) with an HCN cell and a siren each.

    HCN is withdrawn on any valid sample (limits reference 6.3), so that one reading completes the condition.
    """
    head = (
        f'[site]\nid = "{SITE}"\nname = "Bench"\nevacuation_scope = "affected"\n[mqtt]\nport = {port}\n'
        '[[zones]]\nid = "portal"\nname = "P"\nkind = "portal"\n[[zones]]\nid = "load"\nname = "L"\nkind = "gallery"\n'
        '[[connections]]\nfrom = "portal"\nto = "load"\nlength_m = 10\n'
        f'[[sources]]\nid = "nodes"\nkind = "mqtt"\ntopic = "{ROOT}node/+/senml"\nformat = "senml-json"\n'
    )
    parts = [head]
    for n in range(NODES):
        parts += [
            f'[[sensors]]\nid = "c-{n}-{k}"\nzone = "load"\nquantity = "co"\nsource = "nodes"\nchannel = "n{n}/c{k}"\n'
            "full_scale = 1000\nwarm_up_s = 0\n"
            for k in range(5)
        ]
    for p in range(SIRENS):
        parts.append(
            f'[[zones]]\nid = "z{p}"\nname = "Z"\nkind = "workshop"\n'
            f'[[connections]]\nfrom = "portal"\nto = "z{p}"\nlength_m = 10\n'
            f'[[sensors]]\nid = "hcn-{p}"\nzone = "z{p}"\nquantity = "hcn"\nsource = "nodes"\nchannel = "probe/p{p}"\n'
            f'full_scale = 50\nwarm_up_s = 0\nprotection = "indicative"\n'
            f'[[actuators]]\nid = "s{p}"\nkind = "siren"\nzones = ["z{p}"]\n'
        )
    for p, line in enumerate(lines):
        parts.append(
            f'[[zones]]\nid = "y{p}"\nname = "Y"\nkind = "workshop"\n'
            f'[[connections]]\nfrom = "portal"\nto = "y{p}"\nlength_m = 10\n'
            f'[[sources]]\nid = "line-{p}"\nkind = "serial"\nport = "{line}"\ndriver = "winsen-ze03"\n'
            f'[[sensors]]\nid = "ze03-{p}"\nzone = "y{p}"\nquantity = "hcn"\nsource = "line-{p}"\nchannel = "hcn"\n'
            f'full_scale = 50\nwarm_up_s = 0\nprotection = "indicative"\n'
            f'[[actuators]]\nid = "s-line-{p}"\nkind = "siren"\nzones = ["y{p}"]\n'
        )
    return "".join(parts)


def measure(
    mosquitto, tmp_path: Path, *, stall_s: float, packs_per_s: int = 1000, program: str = "feeder.py",
    lines: int = LINES, is_sealing: bool = False,
) -> tuple[dict[str, float], float]:
    """Latencies of the probes [ms], and the gateway's resident memory [MB]."""
    site = tmp_path / "site.toml"
    cables = [Cable(tmp_path / f"line-{p}") for p in range(lines)]
    for cable in cables:
        cable.plug()
    site.write_text(site_text(mosquitto.port, [cable.port for cable in cables]))
    run = (
        "import sys, time; from pathlib import Path; from bocamina.service import GatewayService; "
        "from bocamina.site_file import load_site, site_hash; site = Path(sys.argv[1]); "
        "stall = float(sys.argv[3]); "
        "GatewayService(load_site(site), site_hash(site), Path(sys.argv[2]), "
        "before_commit=(lambda: time.sleep(stall)) if stall else None).run()"
    )
    runner = [sys.executable, "-c", run, str(site), str(tmp_path / "data"), str(stall_s)]
    # only what is measured: to hear all of the load would be a load of its own
    listener = Listener(mosquitto.port, topics=("command/+", "gateway/status"))
    first: dict[str, float] = {}
    lock = threading.Lock()
    hear = listener._hear

    def heard(client, data, message) -> None:
        if message.topic.startswith(f"{ROOT}command/s") and json.loads(message.payload)["setpoint"] == "warn":
            with lock:
                first.setdefault(message.topic.rpartition("/s")[2], time.monotonic_ns())
        elif message.topic == f"{ROOT}gateway/status":
            hear(client, data, message)

    listener._client.on_message = heard
    cores = sorted(os.sched_getaffinity(0))
    others = ExitStack()
    journal = journal_path(SITE, tmp_path / "data")
    if is_sealing:
        fill(journal)
    gateway = subprocess.Popen(runner)
    try:
        psutil.Process(gateway.pid).cpu_affinity([cores[0]])
        for process in (psutil.Process(mosquitto._process.pid), psutil.Process()):
            process.cpu_affinity([cores[-1]])
        wait_for(lambda: (s := listener.newest.get("gateway/status")) and s["state"] == "ready", 30, "ready")
        if is_sealing:
            others.enter_context(beside(journal, SITE))
        feeder = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name(program)), "--port", str(mosquitto.port), "--root", ROOT,
             "--packs-per-s", str(packs_per_s), "--nodes", str(NODES), "--seconds", str(SECONDS),
             "--probes", str(SIRENS), "--probe-after", "5"],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        started, sent = time.monotonic(), {}
        for p, cable in enumerate(cables):
            due = started + 6 + p * (SECONDS - 10) / lines
            while True:  # a module uploads every second; a line that says nothing for 30 s is opened anew
                for quiet in cables[p:]:
                    quiet.send(ze03_hcn(0.0))
                left_s = due - time.monotonic()
                if left_s <= 1.0:
                    break
                time.sleep(1.0)
            time.sleep(max(0.0, left_s))
            cable.send(ze03_hcn(0.0))
            time.sleep(0.05)
            sent[f"-line-{p}"] = str(time.monotonic_ns())
            cable.send(ze03_hcn(20.0))
        output, _ = feeder.communicate(timeout=SECONDS + 60)
        sent |= dict(line.split() for line in output.splitlines())
        wait_for(lambda: len(first) == len(sent), 10, f"all sirens; {len(first)} of {len(sent)} heard")
        memory = psutil.Process(gateway.pid).memory_info().rss / 1e6
        busy = psutil.Process(gateway.pid).cpu_times()
        print(f"\n  gateway: {busy.user + busy.system:.1f} s of CPU in {SECONDS} s, {memory:.0f} MB")
    finally:
        others.close()
        psutil.Process().cpu_affinity(cores)
        gateway.terminate()
        try:
            gateway.wait(15)
        except subprocess.TimeoutExpired:
            gateway.kill()
        listener.close()
        for cable in cables:
            cable.unplug()
    return {probe: (first[probe] - int(at)) / 1e6 for probe, at in sent.items()}, memory


def say(name: str, latencies: dict[str, float]) -> None:
    for kind, chosen in (
        ("MQTT", sorted(ms for probe, ms in latencies.items() if not probe.startswith("-line"))),
        ("serial", sorted(ms for probe, ms in latencies.items() if probe.startswith("-line"))),
    ):
        print(
            f"  {name}, {kind}: n={len(chosen)} median {chosen[len(chosen) // 2]:.2f} ms, "
            f"p90 {chosen[int(len(chosen) * 0.9)]:.2f} ms, p99 {chosen[int(len(chosen) * 0.99)]:.2f} ms, "
            f"worst {chosen[-1]:.2f} ms"
        )


def test_the_alarm_does_not_wait_for_the_load(mosquitto, tmp_path) -> None:
    latencies, memory = measure(mosquitto, tmp_path, stall_s=0.0)
    say("journal on", latencies)
    assert memory < 250


def test_the_alarm_does_not_wait_for_the_disk(mosquitto, tmp_path) -> None:
    latencies, _ = measure(mosquitto, tmp_path, stall_s=2.0)
    say("every commit stalled for 2 s", latencies)
    assert max(latencies.values()) < 1000, "an alarm waited for a commit"


def test_the_alarm_does_not_wait_for_a_sealing(mosquitto, tmp_path) -> None:
    """Days are sealed over and over by a process of low priority, and another asks for history (asked: p99 20 ms)."""
    latencies, _ = measure(mosquitto, tmp_path, stall_s=0.0, is_sealing=True)
    say("while days are sealed and history is asked for", latencies)
    assert max(latencies.values()) < 2000, "an alarm waited for the archive"


def test_a_warm_start_takes_less_than_its_rival_a_cold_import(mosquitto, tmp_path) -> None:
    """`bocamina run` to ready, beside the time that importing its libraries alone takes."""
    site = tmp_path / "site.toml"
    site.write_text(site_text(mosquitto.port))
    started = time.monotonic()
    subprocess.run(
        [sys.executable, "-c", "import numba, numpy, pydantic, paho.mqtt.client, serial, networkx, apprise"], check=True
    )
    imports = time.monotonic() - started
    listener = Listener(mosquitto.port)
    try:
        for name in ("first", "again"):
            started = time.monotonic()
            gateway = Gateway(site, tmp_path / "data").start()
            ready(listener, started, 30)
            print(f"  {name}: ready after {time.monotonic() - started:.2f} s; its imports alone {imports:.2f} s")
            gateway.stop()
    finally:
        listener.close()
