"""A device written with paho-mqtt (1.x API): exercises a broker and prints what it saw as JSON lines."""

import json
import sys
import threading

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

scenario, port, version, user = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
V5 = version == "5"
BASE = "llm-iot/devices/mcu-1/"


def say(**what):
    print(json.dumps(what), flush=True)


def make(client_id, clean=True, expiry=0):
    client = mqtt.Client(
        client_id,
        protocol=mqtt.MQTTv5 if V5 else mqtt.MQTTv311,
        **({} if V5 else {"clean_session": clean}),
    )
    client.username_pw_set(user, user)
    client.ready = threading.Event()
    client.subscribed = threading.Event()
    client.inbox = []
    client.arrived = threading.Semaphore(0)

    def on_connect(c, _userdata, flags, code, _properties=None):
        c.session = flags.get("session present")
        c.code = int(getattr(code, "value", code))
        c.ready.set()

    def on_message(c, _userdata, message):
        c.inbox.append(message)
        c.arrived.release()

    client.on_connect = on_connect
    client.on_message = on_message
    client.on_subscribe = lambda c, *_rest: c.subscribed.set()
    options = {}
    if V5:
        options["clean_start"] = clean
        if expiry:
            options["properties"] = Properties(PacketTypes.CONNECT)
            options["properties"].SessionExpiryInterval = expiry
    return client, options


def connect(client, options):
    client.connect("127.0.0.1", port, **options)
    client.loop_start()
    assert client.ready.wait(5), "no CONNACK"
    return client


def subscribe(client, topic, qos):
    client.subscribed.clear()
    client.subscribe(topic, qos)
    assert client.subscribed.wait(5), "no SUBACK"


def receive(client):
    assert client.arrived.acquire(timeout=5), "no message"
    return client.inbox.pop(0)


def stop(client):
    client.disconnect()
    client.loop_stop()


if scenario == "qos":
    client = connect(*make("paho"))
    subscribe(client, BASE + "telemetry", 2)
    for qos in (0, 1, 2):
        client.publish(BASE + "telemetry", "qos %d" % qos, qos).wait_for_publish()
        message = receive(client)
        say(payload=message.payload.decode(), qos=message.qos, retain=bool(message.retain))
    stop(client)
elif scenario == "retained":
    client = connect(*make("paho"))
    client.publish(BASE + "status", "up", 1, retain=True).wait_for_publish()
    subscribe(client, BASE + "status", 1)
    message = receive(client)
    say(payload=message.payload.decode(), retain=bool(message.retain))
    stop(client)
elif scenario == "will":
    client, options = make("paho")
    client.will_set(BASE + "status", "gone", 1, retain=False)
    connect(client, options)
    client._sock_close()
    client.loop_stop()
elif scenario == "session":
    client = connect(*make("paho", clean=False, expiry=600))
    subscribe(client, BASE + "notice", 1)
    say(session=bool(client.session))
    stop(client)
elif scenario == "resume":
    client = connect(*make("paho", clean=False, expiry=600))
    say(session=bool(client.session), payload=receive(client).payload.decode())
    stop(client)
elif scenario == "request":
    client = connect(*make("paho"))
    topic = "llm-iot/discovery/response/paho"
    subscribe(client, topic, 1)
    properties = None
    if V5:
        properties = Properties(PacketTypes.PUBLISH)
        properties.ResponseTopic = topic
        properties.CorrelationData = b"call-1"
    client.publish("llm-iot/discovery/announce", "{}", 1, properties=properties).wait_for_publish()
    message = receive(client)
    data = getattr(message.properties, "CorrelationData", b"") if V5 else b""
    say(payload=message.payload.decode(), correlation=data.decode())
    stop(client)
else:
    sys.exit("unknown scenario " + scenario)
