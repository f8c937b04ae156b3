#!/usr/bin/env python3
"""A device of the official Python SDK, azure-iot-device, that does what it is told.

Reads JSON, a line each, from standard input and answers each with a line: what there is to say, or
{"error": class, "message": text, "cause": class}.
"""

import json
import logging
import os
import queue
import sys
import tempfile
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
        options = {"server_verification_cert": request["ca"]}
        if request.get("once"):
            options["connection_retry"] = False
        if "gateway" in request:
            options["gateway_hostname"] = request["gateway"]
        if "token" in request:
            self.client = kind.create_from_sastoken(request["token"], **options)
        elif "certificate" in request:
            names = {"device_id": request["device"]}
            if "module" in request:
                names["module_id"] = request["module"]
            # The SDK reads files: once, when it makes the client.
            with tempfile.TemporaryDirectory() as folder:
                files = []
                for part in ("certificate", "key"):
                    files.append(os.path.join(folder, part))
                    with open(files[-1], "x", encoding="ascii") as file:
                        file.write(request[part])
                self.client = kind.create_from_x509_certificate(
                    X509(*files), hostname=request["host"], **names, **options
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
        """Changes the token, with messages before, meanwhile and after."""
        texts = request.get("texts", [])
        senders = [
            threading.Thread(target=self.client.send_message, args=[text], daemon=True)
            for text in texts
        ]
        for sender in senders[: len(texts) // 2]:
            sender.start()
        renewing = threading.Thread(target=self.client.update_sastoken, args=[request["token"]])
        renewing.start()
        for sender in senders[len(texts) // 2 :]:
            sender.start()
        for thread in [renewing, *senders]:
            thread.join(PATIENCE)
            if thread.is_alive():
                raise TimeoutError("a message, or the renewal, is not done")

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
    # What the SDK's threads have to say of a lost connection is no news here.
    logging.disable()
    # The answers are alone on the pipe, whoever else prints.
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
