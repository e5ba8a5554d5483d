"""Two raw MQTT 5 ends, in processes of their own, that cost little: a broker that does nothing but pour packs, and a
feeder that pours them into a real broker. No library: what they send is prepared, what they get is thrown away.
"""

import argparse
import contextlib
import json
import socket
import sys
import time

ROOT = "bocamina/v1/orex-01/"


def length(size: int) -> bytes:
    """Remaining length (MQTT 5.0, 1.5.5)."""
    out = bytearray()
    while True:
        size, digit = divmod(size, 128)
        out.append(digit | (0x80 if size else 0))
        if not size:
            return bytes(out)


def packet(first: int, body: bytes) -> bytes:
    return bytes([first]) + length(len(body)) + body


def publish(topic: str, payload: bytes, mid: int) -> bytes:
    name = topic.encode()
    return packet(0x32, len(name).to_bytes(2, "big") + name + mid.to_bytes(2, "big") + b"\x00" + payload)


def pack(seq: int) -> bytes:
    """Five readings of a node, numbered."""
    records = [{"n": "boot", "v": 1}, {"n": "seq", "v": seq}]
    return json.dumps(records + [{"n": f"c{k}", "v": 2.0 + (seq % 7) / 10 + k / 10} for k in range(5)]).encode()


def pour(messages: int) -> None:
    """Be a broker for one client: answer what it asks, give its barrier back, then pour."""
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    peer, _ = listener.accept()
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    data, poured = b"", False
    while not poured:
        data += peer.recv(65536)
        while len(data) > 1:
            size, at, shift = 0, 1, 0
            while True:
                size |= (data[at] & 0x7F) << shift
                at, shift = at + 1, shift + 7
                if not data[at - 1] & 0x80:
                    break
            kind, body, data = data[0] & 0xF0, data[at : at + size], data[at + size :]
            if kind == 0x10:
                peer.sendall(packet(0x20, b"\x00\x00\x00"))
            elif kind == 0x80:
                peer.sendall(packet(0x90, body[:2] + b"\x00" + b"\x01" * 16))
            elif kind == 0x30:
                name = body[2 : 2 + int.from_bytes(body[:2], "big")]
                peer.sendall(packet(0x40, body[2 + len(name) : 4 + len(name)]))
                if name.endswith(b"barrier"):
                    peer.sendall(packet(0x32, body))
                    poured = True
    block = b"".join(
        publish(f"{ROOT}node/n{i % 20}/senml", pack(i // 20), i % 65535 + 1) for i in range(messages)
    )
    time.sleep(0.5)
    peer.sendall(block)
    while peer.recv(65536):
        pass


def feed(port: int, packs_per_s: int, seconds: int, nodes: int, probes: int, probe_after: float) -> None:
    """Packs at a steady pace into a broker; probes and sirens as `feeder.py` has them."""
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(packet(0x10, b"\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x08firehose"))
    sock.recv(64)
    sock.setblocking(False)
    sent, answered, mid, start = 0, 0, 0, time.monotonic()
    every, next_probe = (seconds - probe_after - 2) / max(1, probes), 0
    heads = [f"{ROOT}node/n{n}/senml" for n in range(nodes)]
    states = b"".join(
        publish(f"{ROOT}actuator/s{k}/state", b'{"setpoint":"off"}', 65000 + k) for k in range(probes)
    )
    out = bytearray(states)
    while (elapsed := time.monotonic() - start) < seconds:
        due = min(round(elapsed * packs_per_s), answered + 30000)
        while sent < due:
            mid = mid % 60000 + 1
            out += publish(heads[sent % nodes], pack(sent // nodes), mid)
            sent += 1
        if next_probe < probes and elapsed >= probe_after + next_probe * every:
            print(next_probe, time.monotonic_ns())
            out += publish(f"{ROOT}node/probe/senml", json.dumps([{"n": f"p{next_probe}", "v": 20.0}]).encode(), 64000)
            next_probe += 1
        with contextlib.suppress(BlockingIOError):
            if out:
                del out[: sock.send(out)]
        with contextlib.suppress(BlockingIOError):
            answered += len(sock.recv(262144)) // 4
        time.sleep(0.002)
    print(f"sent {sent} in {time.monotonic() - start:.2f}", file=sys.stderr)
    sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for option in ("pour", "port", "packs-per-s", "seconds", "nodes", "probes", "probe-after"):
        parser.add_argument(f"--{option}", type=int, default=0)
    parser.add_argument("--root")
    given = parser.parse_args()
    if given.pour:
        pour(given.pour)
    else:
        feed(given.port, given.packs_per_s, given.seconds, given.nodes, given.probes, given.probe_after)
