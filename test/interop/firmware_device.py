"""Plays a device with firmware/python: does what it reads as JSON lines, and prints what came of it as JSON lines."""

import json
import logging
import os
import sys

from llm_iot_device import Device

logging.basicConfig(stream=sys.stderr, level=logging.INFO)
state_file, port, version, hardware_id = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
restored = []

device = Device(
    state_file,
    port=port,
    registration_key=os.environ.get("LLM_IOT_REGISTRATION_KEY"),
    mqtt_version=None if version == "any" else version,
    outbox_limit=3,
    device_type="sbc",
    name="boiler " + hardware_id,
    hardware_id=hardware_id,
    heartbeat_interval=1,
    static_schema={
        "manufacturer": "Test",
        "model": "Boiler",
        "measurements": [{"measurement_type": "pressure", "unit": "bar", "range": {"min": 0, "max": 10}}],
    },
)
sensor = device.sensor({
    "manufacturer": "Bosch",
    "model": "BMP580",
    "communication": {"primary_protocol": "I2C", "i2c": {"address": "0x47"}},
    "measurements": [{"measurement_type": "temperature", "unit": "celsius"}],
})


@device.command("set_target", arguments={"celsius": "number"})
def set_target(celsius):
    """Sets the wanted temperature."""
    if celsius > 90:
        raise ValueError("the boiler is made for 90 degrees at most")
    return {"was": 20, "applied_config": {"target": celsius}}


@device.command("set_mode", arguments={"mode": "string"})
def set_mode(mode):
    """Sets the mode."""
    return {"applied_config": {"mode": mode}}


@device.command("ignite")
def ignite():
    """Lights the flame."""
    raise OSError("no gas")


@device.register_method("boiler.descale", arguments={"minutes": "integer"})
def descale(minutes):
    """Descales the boiler."""
    return {"descaled_for": minutes}


device.restore(restored.append)


def publish(readings, of_sensor=False, timeout=15):
    return device.publish(readings, sensor if of_sensor else None, timeout)


def state():
    return {"device_id": device.device_id, "sensor_id": sensor.id, "online": device.online, "dropped": device.dropped,
            "restored": restored, "applied_config": device.applied_config}


orders = {"start": device.start, "stop": device.stop, "publish": publish, "state": state,
          "candidates": device.candidates}
for line in sys.stdin:
    name, arguments = json.loads(line)
    try:
        answer = {"result": orders[name](**arguments)}
    except Exception as problem:
        answer = {"error": str(problem), "code": getattr(problem, "code", None)}
    print(json.dumps(answer), flush=True)
