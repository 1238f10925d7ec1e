#!/usr/bin/env python3
"""A thermometer with a switchable heater, as a device of an LLM-IoT hub.

    export LLM_IOT_REGISTRATION_KEY=...   # what `npm start` printed
    export LLM_IOT_HOST=192.168.1.10      # where the hub is; not needed on the same machine
    python3 example.py [/sys/bus/w1/devices/28-*/w1_slave]

With the file of a DS18B20 on the 1-Wire bus it measures; without, it simulates a room. Ctrl-C ends it.
"""

import argparse
import logging
import os
import pathlib
import signal
import threading
import time

from llm_iot_device import Device, HubError

STANDS_AT = 20.0  # °C of the simulated room with the heater off


class Room:
    """A simulated room: 1 °C warmer for every half minute of heating, up to 10, and back again."""

    def __init__(self):
        self.temperature, self._seen = STANDS_AT, time.monotonic()

    def measure(self, heating):
        now = time.monotonic()
        change = (now - self._seen) / 30 * (1 if heating else -1)
        self.temperature = min(STANDS_AT + 10, max(STANDS_AT, self.temperature + change))
        self._seen = now
        return round(self.temperature, 2)


class Probe:
    """A DS18B20 behind the kernel's 1-Wire driver (dtoverlay=w1-gpio on a Raspberry Pi)."""

    def __init__(self, file):
        self._file = pathlib.Path(file)
        self.address = self._file.parent.name

    def measure(self, _heating):
        checked, _, text = self._file.read_text(encoding="ascii", errors="replace").partition("\n")
        value = text.rpartition("t=")[2].strip()
        if not checked.endswith("YES") or not value.lstrip("-").isdigit():
            raise OSError("the DS18B20 does not answer properly; check its wires")
        return int(value) / 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", help="w1_slave file of a DS18B20")
    parser.add_argument("--state", default="thermometer.json", help="where id and key are kept (%(default)s)")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")

    thermometer = Probe(options.file) if options.file else Room()
    settings = {"heater_on": False, "offset": 0.0}
    device = Device(
        options.state,
        host=os.environ.get("LLM_IOT_HOST", "127.0.0.1"),
        port=int(os.environ.get("LLM_IOT_MQTT_PORT", "1883")),
        registration_key=os.environ.get("LLM_IOT_REGISTRATION_KEY"),
        device_type="sbc",
        name="Thermometer",
        telemetry_interval=10,
        static_schema={"manufacturer": "Raspberry Pi", "model": "Raspberry Pi", "firmware_version": "1.0.0"},
    )
    sensor = device.sensor({
        "manufacturer": "Analog Devices",
        "model": "DS18B20" if options.file else "Simulated",
        "communication": {"primary_protocol": "onewire",
                          "onewire": {"address": thermometer.address if options.file else "28-simulated"}},
        "measurements": [{"measurement_type": "temperature", "unit": "celsius", "range": {"min": -55, "max": 125}}],
    })

    def measure():
        return round(thermometer.measure(settings["heater_on"]) + settings["offset"], 3)

    @device.restore
    def take_up(config):
        settings.update(config)
        logging.info("goes on with %s", config)

    @device.command("set_heater", arguments={"on": "boolean"})
    def set_heater(on):
        """Switches the heater on or off."""
        settings["heater_on"] = on  # here a real one sets its GPIO pin
        logging.info("heater %s", "on" if on else "off")
        return {"on": on, "applied_config": {"heater_on": on}}

    @device.command("read_temperature", read_only=True)
    def read_temperature():
        """Measures now and answers the temperature."""
        return {"value": measure(), "unit": "celsius"}

    @device.register_method("thermometer.calibrate", arguments={"celsius": "number"})
    def calibrate(celsius):
        """Tells the thermometer the true temperature; it corrects itself by up to 5 degrees."""
        offset = round(celsius - measure() + settings["offset"], 3)
        if abs(offset) > 5:
            raise ValueError("%s is too far from what it measures to be a calibration" % celsius)
        settings["offset"] = offset
        return {"applied_config": {"offset": offset}}

    done = threading.Event()
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, lambda *_: done.set())
    try:
        if not device.start():
            logging.warning("the hub is not there yet; readings are kept until it is")
    except HubError as problem:
        raise SystemExit(str(problem)) from problem
    logging.info("device %s, sensor %s", device.device_id, sensor.id)
    while not done.wait(device.telemetry_interval):
        try:
            reading = {"measurement_type": "temperature", "value": measure(), "unit": "celsius"}
        except OSError as problem:
            logging.warning("%s", problem)
            continue
        device.publish([reading], sensor, timeout=0)
    device.stop()


if __name__ == "__main__":
    main()
