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
from pathlib import Path

import psutil
import pytest

from tests.end_to_end.mine import ROOT, SITE, Listener, wait_for

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]

NODES = 20
SIRENS = 40
SECONDS = int(os.environ.get("BOCAMINA_BENCH_SECONDS", "40"))


def site_text(port: int) -> str:
    """20 nodes of 5 CO cells for the load; 40 workshops (each affects itself alone) with an HCN cell and a siren.

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
    return "".join(parts)


def measure(mosquitto, tmp_path: Path, *, stall_s: float) -> tuple[list[float], float]:
    """Latencies of the probes [ms], and the gateway's resident memory [MB]."""
    site = tmp_path / "site.toml"
    site.write_text(site_text(mosquitto.port))
    program = (
        "import sys, time; from pathlib import Path; from bocamina.service import GatewayService; "
        "from bocamina.site_file import load_site, site_hash; site = Path(sys.argv[1]); "
        "stall = float(sys.argv[3]); "
        "GatewayService(load_site(site), site_hash(site), Path(sys.argv[2]), "
        "before_commit=(lambda: time.sleep(stall)) if stall else None).run()"
    )
    runner = [sys.executable, "-c", program, str(site), str(tmp_path / "data"), str(stall_s)]
    listener = Listener(mosquitto.port)
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
    gateway = subprocess.Popen(runner)
    try:
        psutil.Process(gateway.pid).cpu_affinity([cores[0]])
        for process in (psutil.Process(mosquitto._process.pid), psutil.Process()):
            process.cpu_affinity([cores[-1]])
        wait_for(lambda: (s := listener.newest.get("gateway/status")) and s["state"] == "ready", 30, "ready")
        feeder = subprocess.run(
            [sys.executable, str(Path(__file__).with_name("feeder.py")), "--port", str(mosquitto.port), "--root", ROOT,
             "--packs-per-s", "1000", "--nodes", str(NODES), "--seconds", str(SECONDS), "--probes", str(SIRENS),
             "--probe-after", "5"],
            capture_output=True, text=True, check=True, timeout=SECONDS + 60,
        )  # fmt: skip
        sent = dict(line.split() for line in feeder.stdout.splitlines())
        wait_for(lambda: len(first) == len(sent), 10, f"all sirens; {len(first)} of {len(sent)} heard")
        memory = psutil.Process(gateway.pid).memory_info().rss / 1e6
        busy = psutil.Process(gateway.pid).cpu_times()
        print(f"\n  gateway: {busy.user + busy.system:.1f} s of CPU in {SECONDS} s, {memory:.0f} MB")
    finally:
        psutil.Process().cpu_affinity(cores)
        gateway.terminate()
        try:
            gateway.wait(15)
        except subprocess.TimeoutExpired:
            gateway.kill()
        listener.close()
    return sorted((first[probe] - int(at)) / 1e6 for probe, at in sent.items()), memory


def say(name: str, latencies: list[float]) -> None:
    print(
        f"  {name}: n={len(latencies)} median {latencies[len(latencies) // 2]:.2f} ms, "
        f"p90 {latencies[int(len(latencies) * 0.9)]:.2f} ms, worst {latencies[-1]:.2f} ms"
    )


def test_the_alarm_does_not_wait_for_the_load(mosquitto, tmp_path) -> None:
    latencies, memory = measure(mosquitto, tmp_path, stall_s=0.0)
    say("journal on", latencies)
    assert memory < 250


def test_the_alarm_does_not_wait_for_the_disk(mosquitto, tmp_path) -> None:
    latencies, _ = measure(mosquitto, tmp_path, stall_s=2.0)
    say("every commit stalled for 2 s", latencies)
    assert latencies[-1] < 2000, "an alarm waited for a commit"

