"""A device of an LLM-IoT hub, for Raspberry Pi and other small computers: Python 3.7+ with paho-mqtt 1.6 or 2.

It joins with the registration key, keeps its id and its own key in a file, and from then on resumes with them. It
announces sensors and methods, sends heartbeats, carries out commands, and keeps readings until the hub has stored
them. It connects again by itself for as long as it runs. example.py shows all of it.
"""

import inspect
import json
import logging
import os
import random
import threading
import time
import uuid
from collections import deque

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

log = logging.getLogger("llm_iot")

METHOD_NOT_FOUND, INVALID_PARAMS, BUSY, UNAUTHORIZED, HARDWARE_ERROR = -32601, -32602, -32002, -32005, -32007
ANNOUNCE, QUERY = "llm-iot/discovery/announce", "llm-iot/discovery/query"
KEEPALIVE = 30  # seconds
PATIENCE = 15  # seconds for the hub to answer or acknowledge; it gives up storing a reading after 10
LONGEST_PAUSE = 60  # seconds between two attempts to connect
LARGEST_MESSAGE = 200_000  # bytes; the hub takes packets of 256 KiB
PAHO_2 = hasattr(mqtt, "CallbackAPIVersion")


class HubError(Exception):
    """The hub refused: `code` is one of the protocol's error codes, `data` holds the `reason` and what helps."""

    def __init__(self, code, message, data=None):
        self.code, self.data = code, data or {}
        super().__init__("%s (%s): %s" % (message, code, self.data.get("reason", "no reason given")))


class _Connection:
    """One MQTT connection, used as a context. What waits for the hub in vain ends with ConnectionError."""

    def __init__(self, where, client_id, user, password, changed, on_message=None, will=None):
        self._where, self._changed, self._on_message = where, changed, on_message
        self._answers_on = "llm-iot/discovery/response/" + client_id
        self._heard = {}  # what the broker and the hub said, by what it is about
        self._v5 = where["mqtt_version"] == "5"
        self._client = client = mqtt.Client(
            *((mqtt.CallbackAPIVersion.VERSION2,) if PAHO_2 else ()),
            client_id=client_id,
            protocol=mqtt.MQTTv5 if self._v5 else mqtt.MQTTv311,
            reconnect_on_failure=False,
        )
        client.username_pw_set(user, password)
        if where["tls"]:
            client.tls_set_context(where["tls"])
        if will:
            client.will_set(*will, qos=1, retain=True)
        # paho 1 and 2, MQTT 3.1.1 and 5 differ in what else they pass. No lock may be held when calling paho.
        client.on_connect = lambda _c, _u, _flags, code, *_: self._note("connected", _number(code))
        client.on_subscribe = lambda _c, _u, mid, codes, *_: self._note(("subscribed", mid), _number(codes[0]))
        client.on_publish = lambda _c, _u, mid, code=0, *_: self._note(("published", mid), _number(code))
        client.on_disconnect = lambda *_: self._note("closed", True)
        client.on_message = self._take

    def __enter__(self):
        self._client.connect(self._where["host"], self._where["port"], KEEPALIVE)
        self._client.loop_start()
        try:
            code = self._wait("connected", "answer the connection")
            if code in (4, 5, 134, 135):  # not authorised, in MQTT 3.1.1 and 5
                raise HubError(UNAUTHORIZED, "Unauthorized", {"reason": "the hub does not accept this key"})
            if code:
                raise ConnectionError("the hub refuses the connection with code %s" % code)
            self.subscribe(self._answers_on)
            return self
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def closed(self):
        return "closed" in self._heard

    def subscribe(self, topic):
        _, mid = self._client.subscribe(topic, 1)
        if self._wait(("subscribed", mid), "take the subscription to " + topic) >= 128:
            raise ConnectionError("the hub refuses the subscription to " + topic)

    def publish(self, topic, content, retain=False, properties=None):
        """Publishes JSON with QoS 1; returns when the hub has acknowledged it."""
        info = self._client.publish(topic, json.dumps(content), qos=1, retain=retain, properties=properties)
        code = self._wait(("published", info.mid), "acknowledge a message to " + topic)
        if code >= 128:
            raise ConnectionError("the hub could not take a message to %s (code %s)" % (topic, code))

    def request(self, method, params):
        """Asks the hub by JSON-RPC; raises HubError if it refuses."""
        call = uuid.uuid4().hex
        properties = None
        if self._v5:
            properties = Properties(PacketTypes.PUBLISH)
            properties.ResponseTopic = self._answers_on
        message = {"jsonrpc": "2.0", "id": call, "method": method, "params": params}
        self.publish(ANNOUNCE, message, properties=properties)
        answer = self._wait(("answer", call), "answer " + method)
        if "error" in answer:
            raise HubError(**answer["error"])
        return answer["result"]

    def _wait(self, what, doing):
        with self._changed:
            self._changed.wait_for(lambda: what in self._heard or self.closed, PATIENCE)
            if what in self._heard:
                return self._heard.pop(what)
        raise ConnectionError("the hub did not %s%s" % (doing, ": the connection broke" if self.closed else ""))

    def _note(self, what, content):
        """Runs in paho's thread, as _take does."""
        with self._changed:
            self._heard[what] = content
            self._changed.notify_all()

    def _take(self, _client, _userdata, message):
        try:
            content = json.loads(message.payload or b"null")
        except ValueError:
            log.warning("what came on %s is not JSON", message.topic)
            return
        if message.topic != self._answers_on:
            self._on_message(message.topic, content)
        elif isinstance(content, dict):
            self._note(("answer", content.get("id")), content)


class Sensor:
    """A sensor of a device; `id` is there once the hub has taken it in."""

    def __init__(self, static_schema, name):
        # Without `commands` the hub would offer those of its template, which nobody here carries out.
        self.params = {"static_schema": {"commands": {}, **static_schema}, **({"name": name} if name else {})}
        self.id = None


class _Batch:
    """The readings of one call of publish(), on their way."""

    def __init__(self, readings, sensor):
        self._readings, self._sensor = [dict(reading) for reading in readings], sensor
        self._born, self._time = time.monotonic(), None
        self.stored = None  # True: by the hub; False: never, the outbox was full
        if len(json.dumps(self._readings, allow_nan=False)) + 100 * len(self._readings) > LARGEST_MESSAGE:
            raise ValueError("too many readings for one message: divide them")

    def content(self):
        # Counted back from now, the time is right also for what was measured before the clock was set. Sent again,
        # a reading keeps its time, by which the hub knows that it has it already.
        if self._time is None:
            self._time = int((time.time() - (time.monotonic() - self._born)) * 1000)
        more = {"timestamp": self._time, **({"sensor_id": self._sensor.id} if self._sensor else {})}
        return [{**more, **reading} for reading in self._readings]


class Device:
    """A device, given the params of `device.register`: device_type, static_schema, name, location, labels, ...

    state_file: keeps id and key (mode 600). registration_key: needed until the device has joined.
    mqtt_version: "5" or "3.1.1"; None takes 5 with paho 2, else 3.1.1, because paho 1 does not tell when the hub
    answers over MQTT 5 that it could *not* store a message. tls: an ssl.SSLContext.
    outbox_limit: how many calls of publish() are kept for a hub that is away; the oldest go first.
    """

    def __init__(self, state_file, *, host="127.0.0.1", port=1883, registration_key=None, mqtt_version=None,
                 tls=None, outbox_limit=1000, **registration):
        version = mqtt_version or ("5" if PAHO_2 else "3.1.1")
        self._where = {"host": host, "port": port, "mqtt_version": version, "tls": tls}
        self._registration_key, self._state_file = registration_key, state_file
        schema = registration["static_schema"]
        self._commands = dict(schema.get("commands", {}))
        self._registration = {**registration, "static_schema": {**schema, "commands": self._commands}}
        self._handlers, self._methods, self._sensors, self._restore = {}, [], [], None
        self._changed = threading.Condition()
        self._outbox, self._outbox_limit = deque(), outbox_limit
        self._connection = None  # once the hub knows all about the device
        self._problem, self._introduction_due, self._restored = None, True, False
        self._thread, self._stopping, self._busy = None, threading.Event(), threading.Lock()
        self.applied_config = {}  # what commands configured, as the hub keeps it
        self.telemetry_interval, self._heartbeat_interval = 10, 60  # seconds; the hub may say otherwise
        self.dropped = 0  # calls of publish() whose readings found no place in the outbox
        self._identity = self._load()

    @property
    def device_id(self):
        """The id the hub gave it; None until it has joined."""
        return self._identity.get("device_id")

    @property
    def online(self):
        """Whether the hub is there and knows all about the device."""
        return self._connection is not None

    def command(self, name, arguments=None, **more):
        """Decorator: the function carries out this command, with its arguments as keyword arguments.

        arguments: JSON Schema or {name: type}; more: description, read_only, destructive, timeout_ms. What it returns
        is the result; a dict's `applied_config` is kept by the hub and given back when the device starts again.
        ValueError answers -32602, any other exception -32007.
        """
        def declare(handler):
            described = {"description": inspect.getdoc(handler) or name, "arguments": arguments or {}}
            self._commands[name] = {**described, **more}
            return self._handle(name, handler)
        return declare

    def register_method(self, name, arguments=None, **more):
        """Decorator: as command(), for a method that is called by its own name, such as `greenhouse.irrigate`."""
        def declare(handler):
            described = {"description": inspect.getdoc(handler) or name, "schema": {"arguments": arguments or {}}}
            self._methods.append({"method_name": name, **described, **more})
            return self._handle(name, handler)
        return declare

    def restore(self, handler):
        """Decorator: the function takes up the configuration the hub kept, once after each start of the program."""
        self._restore = handler
        return handler

    def sensor(self, static_schema, name=None):
        """Adds a sensor; the hub gives it an id when it is online, the same one each time."""
        sensor = Sensor(static_schema, name)
        self._sensors.append(sensor)
        self._introduce_again()
        return sensor

    def candidates(self, **scan):
        """Which sensors of the hub's library a bus scan can mean: candidates(bus="i2c", address="0x47")."""
        return self.request("sensor.discover", {"mcu_id": self.device_id, "scan": scan})["candidates"]

    def request(self, method, params):
        """Asks the hub by JSON-RPC. Raises HubError if it refuses, ConnectionError if it is away."""
        return self._online_connection().request(method, params)

    def publish(self, readings, sensor=None, timeout=PATIENCE):
        """Reports a list of {"measurement_type", "value", "unit"?, "quality"?, "timestamp"?}; True when it is stored.

        Without a timestamp (ISO 8601, or milliseconds since 1970) it was measured now. The hub keeps one value for
        a measurement and millisecond. False after `timeout` seconds, at once with 0: the readings wait in the outbox
        and are sent when the hub is there.
        """
        batch = _Batch(readings, sensor)
        with self._changed:
            self._outbox.append(batch)
            while len(self._outbox) > self._outbox_limit:
                self._outbox.popleft().stored = False
                self.dropped += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: batch.stored is not None, timeout)
        return batch.stored is True

    def start(self, timeout=30):
        """Connects, and stays connected until stop(). True when it is online, False if the hub is not there yet.

        Raises HubError if the hub refuses its key or what it says of itself.
        """
        self._stopping.clear()
        self._problem = None
        self._thread = threading.Thread(target=self._work, name="llm-iot-device", daemon=True)
        self._thread.start()
        with self._changed:
            self._changed.wait_for(lambda: self._connection or self._problem, timeout)
        if self._problem and not self._connection:
            self.stop()
            raise self._problem
        return self.online

    def stop(self):
        """Sends what is in the outbox if the hub is there, says goodbye and disconnects."""
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()
        if self._thread:
            self._thread.join()
            self._thread = None

    def _topic(self, branch):
        return "llm-iot/devices/%s/%s" % (self.device_id, branch)

    def _work(self):
        """The thread that connects, introduces the device and sends: over and over, until stop()."""
        pause = 1
        while not self._stopping.is_set():
            try:
                if not self.device_id:
                    self._join()
                will = (self._topic("status"), '{"status":"offline"}')
                key = (self.device_id, self._identity["api_key"])
                with _Connection(self._where, self.device_id, *key, self._changed, self._hear, will) as connection:
                    connection.subscribe(self._topic("command/request"))
                    connection.subscribe(QUERY)
                    self._introduce(connection)
                    pause = 1
                    self._serve(connection)
            except Exception as problem:  # whatever it is: a device that nobody watches has to go on
                log.warning("%s; trying again", problem)
                with self._changed:
                    self._problem = problem if isinstance(problem, HubError) else None
                    self._changed.notify_all()
            self._connection = None
            # At random, so that the devices of a hub that comes back do not come all at once.
            self._stopping.wait(pause * random.uniform(0.5, 1))
            pause = min(pause * 2, LONGEST_PAUSE)

    def _join(self):
        if not self._registration_key:
            raise HubError(UNAUTHORIZED, "Unauthorized", {"reason": "a new device needs the registration key"})
        name = "register-" + uuid.uuid4().hex
        with _Connection(self._where, name, "register", self._registration_key, self._changed) as connection:
            answer = connection.request("device.register", self._registration)
        self._identity = {"device_id": answer["device_id"], "api_key": answer["api_key"]}
        self._save()
        log.info("joined as %s", self.device_id)

    def _introduce(self, connection):
        """Tells the hub all about the device; the same again changes nothing there."""
        self._introduction_due = False
        answer = connection.request("device.register", {**self._registration, "device_id": self.device_id})
        self._heartbeat_interval = answer["heartbeat_interval"]
        self.telemetry_interval = answer["telemetry_interval"]
        if not self._restored:
            self.applied_config = answer.get("applied_config", {})
            if self._restore and self.applied_config:
                self._restore(dict(self.applied_config))
            self._restored = True
        for sensor in list(self._sensors):
            found = connection.request("sensor.discover", {"mcu_id": self.device_id, **sensor.params})
            sensor.id = found["sensor_id"]
        for method in list(self._methods):
            connection.request("device.register_method", {"device_id": self.device_id, **method})
        connection.publish(self._topic("status"), {"status": "online"}, retain=True)
        with self._changed:
            self._connection = connection
            self._changed.notify_all()

    def _serve(self, connection):
        """Does what is due, one thing after the other, until the connection breaks or the device stops."""
        started = beat = time.monotonic()
        while not connection.closed:
            rest = beat + self._heartbeat_interval - time.monotonic()
            if self._introduction_due and not self._stopping.is_set():
                self._introduce(connection)
            elif rest <= 0:
                beat = time.monotonic()
                connection.publish(self._topic("status"), {"status": "online", "uptime": int(beat - started)})
            elif self._outbox:
                self._send(connection, self._outbox[0])
            elif self._stopping.is_set():
                connection.publish(self._topic("status"), {"status": "offline"}, retain=True)
                return
            else:
                with self._changed:
                    self._changed.wait_for(lambda: self._outbox or self._introduction_due or connection.closed
                                           or self._stopping.is_set(), rest)
        raise ConnectionError("the connection broke")

    def _send(self, connection, batch):
        connection.publish(self._topic("telemetry"), batch.content())
        with self._changed:
            if self._outbox[0] is batch:  # and was not pushed out while it was under way
                self._outbox.popleft()
            batch.stored = True
            self._changed.notify_all()

    def _online_connection(self):
        connection = self._connection
        if not connection:
            raise ConnectionError("the hub is away")
        return connection

    def _introduce_again(self):
        with self._changed:
            self._introduction_due = True
            self._changed.notify_all()

    def _handle(self, name, handler):
        self._handlers[name] = handler
        self._introduce_again()
        return handler

    def _hear(self, topic, content):
        if topic == QUERY:
            self._introduce_again()
        elif isinstance(content, dict) and "id" in content:
            # In a thread of its own: a command may take its time, and may publish.
            threading.Thread(target=self._obey, args=(content,), daemon=True).start()

    def _obey(self, request):
        with self._changed:  # what the hub kept comes first
            self._changed.wait_for(lambda: self._connection, PATIENCE)
        answer = {"jsonrpc": "2.0", "id": request["id"], **self._outcome(request)}
        try:
            self._online_connection().publish(self._topic("command/response"), answer)
        except OSError as problem:
            log.warning("the answer to %s is lost: %s", request.get("method"), problem)

    def _outcome(self, request):
        name, arguments = request.get("method"), request.get("params") or {}
        handler = self._handlers.get(name)
        if not handler:
            return _error(METHOD_NOT_FOUND, "Method not found", "this device cannot %s" % name)
        if not self._busy.acquire(blocking=False):
            return _error(BUSY, "Device busy", "it is still carrying out another command")
        try:
            result = _call(handler, arguments)
            if isinstance(result, dict) and "applied_config" in result:
                self.applied_config = {**self.applied_config, **result["applied_config"]}
                result = {**result, "applied_config": self.applied_config}
            json.dumps(result, allow_nan=False)  # what cannot be told is an error too
            return {"result": {} if result is None else result}
        except ValueError as problem:
            return _error(INVALID_PARAMS, "Invalid params", str(problem))
        except Exception as problem:  # whatever a handler raises, the hub has to hear of it
            log.exception("%s failed", name)
            return _error(HARDWARE_ERROR, "Hardware error", str(problem) or type(problem).__name__)
        finally:
            self._busy.release()

    def _load(self):
        try:
            with open(self._state_file, encoding="utf-8") as file:
                state = json.load(file)
            return {name: state[name] for name in ("device_id", "api_key")}
        except FileNotFoundError:
            return {}
        except (ValueError, KeyError, TypeError) as problem:
            raise ValueError("%s is damaged; delete it to join anew" % self._state_file) from problem

    def _save(self):
        """Whole or not at all, whenever the power fails: the hub shows a key only once."""
        draft = "%s.new" % self._state_file
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            json.dump(self._identity, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, self._state_file)


def _call(handler, arguments):
    try:
        inspect.signature(handler).bind(**arguments)
    except TypeError as problem:
        raise ValueError(str(problem)) from problem
    return handler(**arguments)


def _error(code, message, reason):
    return {"error": {"code": code, "message": message, "data": {"reason": reason}}}


def _number(code):
    """Codes are numbers or objects, by version of paho and MQTT."""
    return getattr(code, "value", code)
