"""A load of nodes on one connection, in a process of its own: packs at a steady pace, probes, sirens that obey.

Prints one line per probe: its number and the monotonic time [ns] just before PUBLISH.
"""

import argparse
import json
import socket
import sys
import time

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("port", "packs-per-s", "seconds", "nodes", "probes", "probe-after"):
        parser.add_argument(f"--{name}", type=int)
    parser.add_argument("--root")
    args = parser.parse_args()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="feeder", protocol=mqtt.MQTTv5)
    client.max_inflight_messages_set(0)
    client.max_queued_messages_set(0)
    client.connect("127.0.0.1", args.port)
    client.socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    levels = {f"s{k}": "off" for k in range(args.probes)}

    def say(siren: str) -> None:
        client.publish(f"{args.root}actuator/{siren}/state", json.dumps({"setpoint": levels[siren]}), qos=1)

    def obey(_client, _data, message) -> None:
        siren = message.topic.rpartition("/")[2]
        levels[siren] = json.loads(message.payload)["setpoint"]
        say(siren)

    client.on_message = obey
    client.subscribe(f"{args.root}command/+", qos=1)
    client.loop_start()
    for siren in levels:
        say(siren)
    heartbeat = start = time.monotonic()
    probe_every = (args.seconds - args.probe_after - 2) / max(1, args.probes)
    probes = 0
    for count in range(args.packs_per_s * args.seconds):
        due = start + count / args.packs_per_s
        while (left := due - time.monotonic()) > 0:
            time.sleep(min(left, 0.002))
        if probes < args.probes and time.monotonic() - start >= args.probe_after + probes * probe_every:
            sent = time.monotonic_ns()
            client.publish(f"{args.root}node/probe/senml", json.dumps([{"n": f"p{probes}", "v": 20.0}]), qos=1)
            sys.stdout.write(f"{probes} {sent}\n")
            probes += 1
        if time.monotonic() - heartbeat > 20:
            heartbeat = time.monotonic()
            for siren in levels:
                say(siren)
        node, seq = count % args.nodes, count // args.nodes
        records = [{"n": "boot", "v": 1}, {"n": "seq", "v": seq}]
        records += [{"n": f"c{k}", "v": 2.0 + (seq % 7) / 10 + k / 10} for k in range(5)]
        newest = client.publish(f"{args.root}node/n{node}/senml", json.dumps(records), qos=1)
    newest.wait_for_publish(10)
    sys.stdout.flush()
    client.disconnect()
    client.loop_stop()


if __name__ == "__main__":
    main()
