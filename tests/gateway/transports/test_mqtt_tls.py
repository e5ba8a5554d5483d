"""The link over TLS with a user and a password, as nodes' networks need it, against a real Mosquitto."""

import datetime as dt
import ipaddress
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.fixtures.mosquitto import Mosquitto, free_port
from tests.fixtures.waiting import wait_for

PASSWORDS = shutil.which("mosquitto_passwd")
pytestmark = pytest.mark.skipif(PASSWORDS is None, reason="mosquitto_passwd is not installed (apt: mosquitto)")

DAY = dt.timedelta(days=1)


class Authority:
    """A certificate authority of one test."""

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._builder(self._name, self._key).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        ).sign(self._key, hashes.SHA256())  # fmt: skip

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self._name)
        builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
        return builder.not_valid_before(now - DAY).not_valid_after(now + DAY)

    def issue(self, folder: Path) -> None:
        """`server.crt` and `server.key` for loopback."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker")])
        loopback = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        certificate = self._builder(name, key).add_extension(loopback, critical=False).sign(self._key, hashes.SHA256())
        (folder / "server.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        (folder / "server.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )

    def write(self, file: Path) -> str:
        """The authority's own certificate."""
        file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        return str(file)


@pytest.fixture
def secure(mosquitto: Mosquitto, tmp_path: Path) -> Callable[..., dict[str, str]]:
    """The broker with TLS and log-in on its port; returns a maker of `[mqtt]` keys to reach it."""
    authority = Authority("mine")
    authority.issue(tmp_path)
    subprocess.run([str(PASSWORDS), "-c", "-b", str(tmp_path / "passwd"), "gateway", "right"], check=True)
    text = mosquitto.conf.read_text().replace("allow_anonymous true", "allow_anonymous false")
    listener = f"listener {mosquitto.port} 127.0.0.1\n"
    assert listener in text
    certificates = f"certfile {tmp_path}/server.crt\nkeyfile {tmp_path}/server.key\n"
    mosquitto.conf.write_text(
        text.replace(listener, listener + certificates) + f"\npassword_file {tmp_path}/passwd\n"
    )
    mosquitto.restart()

    def keys(password: str = "right", ca: Authority = authority) -> dict[str, str]:
        (tmp_path / "password").write_text(f"{password}\n")
        return {"username": "gateway", "password_file": str(tmp_path / "password"),
                "ca_file": ca.write(tmp_path / "ca.crt")}  # fmt: skip

    return keys


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_the_link_connects_and_a_burst_comes_through(mosquitto: Mosquitto, gateways, secure, protocol) -> None:
    gateway = gateways(mosquitto.port, protocol, mqtt=secure()).start()
    topic = "bocamina/v1/orex-01/actuator/fan-1/state"  # the link hears what it says: one client is enough
    for number in range(500):
        gateway.link.publish(topic, f"{number}".encode(), expiry_s=60)
    wait_for(lambda: len(gateway.messages) == 500, "all come back through TLS")
    assert gateway.payloads(backlog=False) == [f"{number}".encode() for number in range(500)]


def test_a_certificate_of_another_authority_is_one_sentence_and_tried_again(
    mosquitto: Mosquitto, gateways, secure, caplog
) -> None:
    gateway = gateways(mosquitto.port, mqtt=secure(ca=Authority("stranger"))).start(live=False)
    wait_for(lambda: gateway.links, "it is told")
    up, detail = gateway.links[0]
    assert not up
    assert "its certificate is not one that mqtt.ca_file vouches for" in detail
    assert detail.endswith("trying again until it answers")
    refused = "127.0.0.1 failed:"  # once an attempt; for a quick one Mosquitto logs no "New connection"
    before = mosquitto.log.read_text().count(refused)
    wait_for(lambda: mosquitto.log.read_text().count(refused) >= before + 2, "it tries again", 60)
    assert len(gateway.links) == len(caplog.records) == 1


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_wrong_password_is_one_sentence_and_tried_again(
    mosquitto: Mosquitto, gateways, secure, caplog, protocol
) -> None:
    gateway = gateways(mosquitto.port, protocol, mqtt=secure(password="wrong")).start(live=False)
    wait_for(lambda: gateway.links, "it is told")
    up, detail = gateway.links[0]
    assert not up
    assert "it does not know mqtt.username with the password in mqtt.password_file" in detail
    before = mosquitto.log.read_text().count("New connection")
    wait_for(lambda: mosquitto.log.read_text().count("New connection") >= before + 2, "it tries again", 60)
    assert len(gateway.links) == len(caplog.records) == 1


def test_a_port_without_tls_is_one_sentence(mosquitto: Mosquitto, gateways, tmp_path: Path) -> None:
    ca = Authority("mine").write(tmp_path / "ca.crt")
    gateway = gateways(mosquitto.port, mqtt={"ca_file": ca}).start(live=False)
    wait_for(lambda: gateway.links, "it is told")
    assert gateway.links[0][0] is False
    assert "no TLS on that port" in gateway.links[0][1]


def test_nobody_there_is_the_same_sentence_as_without_tls(gateways, tmp_path: Path) -> None:
    ca = Authority("mine").write(tmp_path / "ca.crt")
    gateway = gateways(free_port(), mqtt={"ca_file": ca}).start(live=False)
    wait_for(lambda: gateway.links, "it is told")
    assert "no connection (" in gateway.links[0][1]
