"""Checks messages with firmware/python: the secret and the device id, then one line each, `<now> <message>`."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "firmware", "python"))
from llm_iot_signature import Refused, Verifier  # noqa: E402

now = 0
verifier = Verifier([sys.argv[1]], [sys.argv[2]], clock=lambda: now)
for line in sys.stdin:
    time, _, message = line.partition(" ")
    now = int(time)
    try:
        print("ok " + json.dumps(verifier.check(json.loads(message))))
    except Refused as refusal:
        print(refusal)
