"""Ten times the rated load at once, 50,000 readings in a burst: gas in it is an alarm soon, and all of it is stored.

Rated: 5,000 readings a second, five a pack (`tests/benchmarks/test_alarm_latency.py`, whose mine this is). The burst is
what twenty nodes send that come back together.
"""

import json
import socket
import threading
import time

import pytest

from tests.benchmarks.firehose import ROOT, pack, packet, publish
from tests.benchmarks.test_alarm_latency import NODES, site_text, ze03_hcn
from tests.end_to_end.mine import Gateway, Listener, ready, wait_for

pytestmark = [pytest.mark.xdist_group("faults"), pytest.mark.timeout(120)]

PACKS = 10_000
LATE_S = 5.0
"""What a build machine with other work may take; the figures are printed."""


def test_ten_times_the_load_delays_no_alarm_for_long_and_loses_nothing(mosquitto, cable, tmp_path) -> None:
    site = tmp_path / "site.toml"
    site.write_text(site_text(mosquitto.port, [cable.port]))
    listener = Listener(mosquitto.port, topics=("command/+", "gateway/status", "node/+/ack", "alarm/+"))
    gateway = Gateway(site, tmp_path / "data").start()
    ready(listener, 0.0)
    packs = [publish(f"{ROOT}node/n{i % NODES}/senml", pack(i // NODES), i + 1) for i in range(PACKS)]
    packs[PACKS // 2] += publish(f"{ROOT}node/probe/senml", json.dumps([{"n": "p0", "v": 20.0}]).encode(), 64_000)
    burst = b"".join(packs)
    answers = [0]

    def take_answers() -> None:
        while data := sock.recv(65536):
            answers[0] += len(data)

    def rang(siren: str) -> float | None:
        return next((at for at, topic, body in list(listener.heard)
                     if topic == f"command/{siren}" and json.loads(body)["setpoint"] == "warn"), None)  # fmt: skip

    def durable() -> bool:
        return all((listener.newest.get(f"node/n{n}/ack") or {}).get("seq") == PACKS // NODES - 1 for n in range(NODES))

    with socket.create_connection(("127.0.0.1", mosquitto.port)) as sock:
        try:
            sock.sendall(packet(0x10, b"\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x05burst"))
            sock.recv(64)
            taker = threading.Thread(target=take_answers)
            taker.start()
            began = time.monotonic()
            sock.sendall(burst)
            poured = time.monotonic()
            cable.send(ze03_hcn(0.0) + ze03_hcn(20.0) + ze03_hcn(0.0))  # one frame of gas among clean ones
            by_mqtt = wait_for(lambda: rang("s0"), 4 * LATE_S, "gas in the middle of the burst sounds its siren")
            by_wire = wait_for(lambda: rang("s-line-0"), 4 * LATE_S, "and so does gas on a wire meanwhile")
            wait_for(durable, 60, "every pack is durable, and every node is told")
            done = time.monotonic()
            wait_for(lambda: listener.newest.get("alarm/hcn-0.level"), 5, "its alarm is retained")
            assert not any(topic.endswith("comm_lost") for topic in listener.newest), "nobody is called silent"
        finally:
            sock.shutdown(socket.SHUT_RDWR)
            taker.join(10)
            code = gateway.stop()
            listener.close()
    print(f"\n  {5 * PACKS:,} readings at once, durable after {done - began:.2f} s; siren of the gas in their middle "
          f"after {by_mqtt - began:.2f} s, of a wire after {by_wire - poured:.2f} s")  # fmt: skip
    assert code == 0
    assert by_mqtt < done, "the alarm does not wait for the rest of the burst"
    assert by_mqtt - began < LATE_S
    assert by_wire - poured < LATE_S
    rows = gateway.export()
    assert sum(",c-" in row for row in rows) == 5 * PACKS, "each reading once"
    assert any(",ze03-0,20" in row for row in rows), "the largest of a wire is on record"
