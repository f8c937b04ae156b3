#!/usr/bin/env python3
"""Tokens of the official Python SDK, azure-iot-device.

Reads a JSON list of {"connection_string": ..., "expiry": ...} from standard input and writes the
JSON list of their tokens. With `--time`, reads such a list of one and writes its token and what it
took, warm: {"token": ..., "nanoseconds": ...}.
"""

import json
import statistics
import sys
import time

from azure.iot.device.common.auth import sastoken
from azure.iot.device.common.auth.connection_string import ConnectionString
from azure.iot.device.common.auth.signing_mechanism import SymmetricKeySigningMechanism
from azure.iot.device.iothub.abstract_clients import _form_sas_uri

# Rounds of a measurement, and calls in each: about a second in all.
ROUNDS = 50
CALLS = 2_000


class StoppedClock:
    """Stands in for the module `time` within `sastoken`, which adds the lifetime to `time()`."""

    def __init__(self, now):
        self.time = lambda: now


def renewable_token(case):
    """The SDK's token object, made from a connection string as the SDK's clients make it.

    The clients leave out the name of a policy; their token class can carry it.
    """
    connection = ConnectionString(case["connection_string"])
    uri = _form_sas_uri(
        hostname=connection["HostName"],
        device_id=connection["DeviceId"],
        module_id=connection.get("ModuleId"),
    )
    sastoken.time = StoppedClock(case["expiry"])
    return sastoken.RenewableSasToken(
        uri,
        SymmetricKeySigningMechanism(connection["SharedAccessKey"]),
        key_name=connection.get("SharedAccessKeyName"),
        ttl=0,
    )


def measure(case):
    """Renews one token over and over; the median round counts."""
    token = renewable_token(case)
    rounds = []
    for _ in range(ROUNDS):
        start = time.perf_counter_ns()
        for _ in range(CALLS):
            token.refresh()
        rounds.append((time.perf_counter_ns() - start) / CALLS)
    return {"token": str(token), "nanoseconds": statistics.median(rounds)}


def main():
    cases = json.load(sys.stdin)
    if sys.argv[1:] == ["--time"]:
        (case,) = cases
        result = measure(case)
    else:
        result = [str(renewable_token(case)) for case in cases]
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
