#!/usr/bin/env python3
"""A device of the official Python SDK, azure-iot-device, that does what it is told.

Reads JSON, a line each, from standard input and answers each with a line: what there is to say, or
{"error": class, "message": text, "cause": class}.
"""

import json
import os
import queue
import sys
import threading
import time

from azure.iot.device import X509, IoTHubDeviceClient, IoTHubModuleClient, Message

# Whatever happens, nothing is left running.
WATCHDOG = 90
PATIENCE = 20


class Device:
    """One client, after another."""

    def __init__(self):
        self.client = None
        self.lost = threading.Event()
        self.received = queue.Queue()

    def open(self, request):
        """Makes a client of a connection string, a token or a certificate."""
        kind = IoTHubModuleClient if request.get("is_module") else IoTHubDeviceClient
        options = {"server_verification_cert": request["ca"], **request.get("options", {})}
        if "token" in request:
            self.client = kind.create_from_sastoken(request["token"], **options)
        elif "certificate" in request:
            names = {"device_id": request["device"]}
            if "module" in request:
                names["module_id"] = request["module"]
            self.client = kind.create_from_x509_certificate(
                X509(request["certificate"], request["key"]),
                hostname=request["host"],
                **names,
                **options,
            )
        else:
            self.client = kind.create_from_connection_string(request["connection"], **options)
        # What the SDK does in the background and cannot tell by an exception.
        self.lost = lost = threading.Event()
        client = self.client
        client.on_background_exception = lambda error: None
        client.on_connection_state_change = lambda: None if client.connected else lost.set()

    def connect(self, _):
        self.client.connect()

    def send(self, request):
        message = Message(request["text"])
        message.custom_properties = dict(request.get("properties", {}))
        for name, value in request.get("system", {}).items():
            setattr(message, name, value)
        if "output" in request:
            self.client.send_message_to_output(message, request["output"])
        else:
            self.client.send_message(message)

    def listen(self, _):
        """Asks for messages to the device."""
        self.received = queue.Queue()
        self.client.on_message_received = self.received.put

    def receive(self, _):
        message = self.received.get(timeout=PATIENCE)
        return {"text": message.data.decode(), "properties": message.custom_properties}

    def twin(self, _):
        return {"twin": self.client.get_twin()}

    def renew(self, request):
        self.client.update_sastoken(request["token"])

    def wait_until_lost(self, _):
        if not self.lost.wait(PATIENCE):
            raise TimeoutError("still connected")

    def close(self, _):
        if self.client is not None:
            client, self.client = self.client, None
            client.shutdown()


def answer(device, request):
    try:
        return getattr(device, request["do"])(request) or {}
    except Exception as error:  # pylint: disable=broad-except; whatever it is, it is told
        return {
            "error": type(error).__name__,
            "message": str(error),
            "cause": type(error.__cause__).__name__,
        }


def main():
    watchdog = threading.Timer(WATCHDOG, os._exit, [3])
    watchdog.daemon = True
    watchdog.start()
    # The answers are alone on the pipe: the SDK logs, and its threads print what they die of.
    pipe = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    device = Device()
    for line in sys.stdin:
        request = json.loads(line)
        start = time.monotonic()
        said = answer(device, request)
        said["seconds"] = round(time.monotonic() - start, 3)
        pipe.write(json.dumps(said) + "\n")
    # Threads of the SDK would go on.
    os._exit(0)


if __name__ == "__main__":
    main()
