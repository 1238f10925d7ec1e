"""Checks the signatures of critical commands. Runs on CPython 3.7+ and MicroPython; nothing else is needed.

    verifier = Verifier(["whsec_..."], [device_id], clock=time.time)
    command = verifier.check(json.loads(payload))   # {"device_id", "id", "method", "params"}; raises Refused

The clock gives seconds since 1970 in UTC and must be right: set it by NTP. (MicroPython ports that count from 2000
need 946684800 added.)
"""
import binascii
import hashlib
import json

TOLERANCE = 300  # seconds that the clocks may differ, and that a signature is good


class Refused(Exception):
    """What is wrong: malformed, stale, wrong, replayed, full, elsewhere."""


def hmac_sha256(key, text):
    """HMAC by RFC 2104; MicroPython brings no hmac module."""
    key = hashlib.sha256(key).digest() if len(key) > 64 else key
    key = key + bytes(64 - len(key))
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in key) + text).digest()
    return hashlib.sha256(bytes(b ^ 0x5C for b in key) + inner).digest()


def same(one, other):
    """Compares in a time that does not tell where they differ."""
    different = len(one) ^ len(other)
    for a, b in zip(one, other):
        different |= a ^ b
    return different == 0


class Verifier:
    def __init__(self, secrets, device_ids, clock, remember=32):
        self._keys = [binascii.a2b_base64(secret[len("whsec_"):]) for secret in secrets]
        self._device_ids = device_ids
        self._clock = clock
        self._remember = remember
        self._seen = {}  # id: when it is too old by itself

    def check(self, message):
        """The command that was signed. Do what is in it, not what else is in the message."""
        try:
            signature, body = message["signature"], message["body"]
            name, at, codes = signature["id"], signature["timestamp"], signature["signature"].split(" ")
            text = (name + "." + str(int(at)) + "." + body).encode()
        except (KeyError, TypeError, ValueError, AttributeError):
            raise Refused("malformed")
        now = self._clock()
        if abs(now - at) > TOLERANCE:
            raise Refused("stale")
        right = False
        for key in self._keys:
            expected = b"v1," + binascii.b2a_base64(hmac_sha256(key, text)).strip()
            for code in codes:
                right = same(expected, code.encode()) or right
        if not right:
            raise Refused("wrong")
        self._seen = {seen: until for seen, until in self._seen.items() if until >= now}
        if name in self._seen:
            raise Refused("replayed")
        if len(self._seen) >= self._remember:
            raise Refused("full")
        self._seen[name] = at + TOLERANCE
        command = json.loads(body)
        if command["device_id"] not in self._device_ids:
            raise Refused("elsewhere")
        return command
