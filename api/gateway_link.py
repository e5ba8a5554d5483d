"""The web process's own MQTT client: hears what the gateway publishes, and asks it for what people want."""

import logging
import secrets
import ssl
import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTime
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from api.live import KINDS, LiveState
from gateway.domain.errors import OperationFailed, Refused
from gateway.domain.site import Site
from gateway.domain.topics import Kind, Topics

_log = logging.getLogger(__name__)

ANSWER_WITHIN_S: Final = 5.0


class NotConfirmed(OperationFailed):
    """The gateway did not answer: whether it did what was asked is not known."""


class GatewayLink:
    """Connects, subscribes at every connection, and carries requests with their answers.

    A clean session under a name of its own: what was missed is retained at the broker and comes again. A request is
    published only while connected, so that none is carried out minutes after its person gave up.
    Raises OperationFailed when the site file's password or certificate file cannot be read.
    """

    def __init__(self, site: Site, live: LiveState) -> None:
        self._site = site
        self._live = live
        self._topics = Topics(site.site.id)
        self._name = f"bocamina-{site.site.id}-api-{secrets.token_hex(4)}"
        self._reply_to = f"{self._topics.root}reply/{self._name}"
        self._pending: dict[str, Future[dict[str, Any]]] = {}
        self._lock = threading.Lock()
        self._is_v5 = site.mqtt.protocol == "5"
        self._client: mqtt.Client | None = self._build()
        self._trouble = f"no connection to the broker {self._broker} yet"
        self._up = False
        self._stopping = False

    @property
    def _broker(self) -> str:
        return f"{self._site.mqtt.host}:{self._site.mqtt.port}"

    @property
    def trouble(self) -> str | None:
        """One sentence while the broker cannot be reached, else None."""
        return None if self._up else self._trouble

    def start(self) -> None:
        """Start paho's thread; a broker that is not there yet is tried again until `stop`."""
        if self._client is not None:
            self._client.connect_async(self._site.mqtt.host, self._site.mqtt.port, keepalive=10)
            self._client.loop_start()

    def stop(self) -> None:
        """Disconnect and end the thread, for good."""
        client, self._client, self._stopping = self._client, None, True
        if client is None:
            return
        client.disconnect()
        client.loop_stop()
        # paho closes its wake-up sockets when it is collected: without our methods on it, that is now.
        for hook in ("on_connect", "on_connect_fail", "on_disconnect", "on_subscribe", "on_message"):
            setattr(client, hook, None)

    def ask(
        self, action: str, target: str, args: dict[str, Any], *, by: str, role: str, within_s: float = ANSWER_WITHIN_S
    ) -> None:
        """Have the gateway do `request/{action}` and wait for its word.

        Raises Refused with the gateway's sentence when it says no, NotConfirmed when it says nothing in time.
        """
        client = self._client
        if client is None or not client.is_connected():
            raise NotConfirmed(f"not sent: {self.trouble or 'the broker is gone'}")
        request = secrets.token_hex(16)
        answer: Future[dict[str, Any]] = Future()
        with self._lock:
            self._pending[request] = answer
        issued = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        document = {
            "id": request, "by": by, "role": role, "target": target, "args": args, "issued": issued,
            "reply_to": self._reply_to,
        }  # fmt: skip
        try:
            client.publish(
                self._topics.of(Kind.REQUEST, action),
                msgspec.json.encode(document),
                qos=1,
                properties=self._request_properties(request, within_s),
            )
            reply = answer.result(within_s)
        except NotInTime:
            raise NotConfirmed(
                f"not confirmed: the gateway did not answer within {within_s:g} s; look at the state before repeating"
            ) from None
        finally:
            with self._lock:
                self._pending.pop(request, None)
        if reply.get("ok") is not True:
            raise Refused(str(reply.get("error") or "the gateway refused without a reason"))

    def _build(self) -> mqtt.Client:
        settings = self._site.mqtt
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._name,
            protocol=mqtt.MQTTv5 if self._is_v5 else mqtt.MQTTv311,
            clean_session=None if self._is_v5 else True,
        )
        if settings.username is not None:
            password = None
            if settings.password_file is not None:
                try:
                    password = Path(settings.password_file).read_text(encoding="utf-8").strip()
                except OSError as error:
                    raise OperationFailed(f"mqtt.password_file {settings.password_file}: {error.strerror}") from error
            client.username_pw_set(settings.username, password)
        if settings.ca_file is not None:
            try:
                client.tls_set_context(ssl.create_default_context(cafile=settings.ca_file))
            except (OSError, ssl.SSLError) as error:
                raise OperationFailed(f"mqtt.ca_file {settings.ca_file}: no certificate could be read") from error
        client.reconnect_delay_set(1, 5)
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        return client

    def _request_properties(self, request: str, within_s: float) -> Properties | None:
        if not self._is_v5:
            return None
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ResponseTopic = self._reply_to
        properties.CorrelationData = request.encode()
        properties.MessageExpiryInterval = max(1, round(within_s))
        return properties

    # -- paho's thread ---------------------------------------------------------------------------------------------

    def _on_connect(
        self, client: mqtt.Client, _: Any, _flags: mqtt.ConnectFlags, reason: ReasonCode, _properties: Any
    ) -> None:
        if reason.is_failure:
            self._trouble = f"the broker {self._broker} refused the connection: {reason}"
            _log.warning("%s", self._trouble)
            return
        self._live.begin_round()
        heard = [self._reply_to, *(self._topics.every(kind) for kind in (*KINDS, Kind.GATEWAY_STATUS))]
        if self._is_v5:
            client.subscribe([(topic, SubscribeOptions(qos=1)) for topic in heard])
        else:
            client.subscribe([(topic, 1) for topic in heard])

    def _on_subscribe(self, client: mqtt.Client, *_: Any) -> None:
        # Comes back after all that is retained: then the round is complete.
        client.publish(self._reply_to, b'{"id":"round"}', qos=1)
        if not self._up:
            _log.info("connected to the broker %s", self._broker)
        self._up, self._trouble = True, ""

    def _on_connect_fail(self, *_: Any) -> None:
        self._down(f"the broker {self._broker} does not answer; trying again")

    def _on_disconnect(self, *_: Any) -> None:
        self._down(f"the connection to the broker {self._broker} is lost; trying again")

    def _down(self, trouble: str) -> None:
        if trouble != self._trouble and not self._stopping:
            _log.warning("%s", trouble)
        self._up, self._trouble = False, trouble

    def _on_message(self, _client: mqtt.Client, _: Any, message: mqtt.MQTTMessage) -> None:
        try:
            if message.topic == self._reply_to:
                self._on_reply(bytes(message.payload))
            elif (address := self._topics.parse(message.topic)) is not None:
                self._live.receive(address, bytes(message.payload), retained=message.retain)
        except Exception:  # one bad message must not end the thread that hears the next alarm
            _log.exception("a message on %s could not be taken", message.topic)

    def _on_reply(self, payload: bytes) -> None:
        with suppress(msgspec.DecodeError):
            reply = msgspec.json.decode(payload, type=dict[str, Any])
            if reply.get("id") == "round":
                self._live.end_round()
                return
            with self._lock:
                answer = self._pending.pop(str(reply.get("id")), None)
            if answer is not None:
                answer.set_result(reply)
