#!/usr/bin/env node
// A device of the official Node SDK, azure-iot-device, that does what it is told.
//
// Reads JSON, a line each, from standard input and answers each with a line: what there is to say, or
// {"error": class, "message": text}. The first argument is the protocol: mqtt, amqp or http.

'use strict';

const readline = require('node:readline');
const { EventEmitter, once } = require('node:events');
const { AuthenticationType, NoRetry } = require('azure-iot-common');
const { Client, Message, ModuleClient } = require('azure-iot-device');

const PROTOCOLS = {
  mqtt: () => require('azure-iot-device-mqtt').Mqtt,
  amqp: () => require('azure-iot-device-amqp').Amqp,
  http: () => require('azure-iot-device-http').Http,
};

// Whatever happens, nothing is left running.
const WATCHDOG = 90_000;
const PATIENCE = 20_000;

let client;
// Messages to the device that nobody has asked for yet.
let received = [];
let wake = () => {};
let isLost = false;

const actions = {
  /** Makes a client of a connection string or a token; with a certificate, the string says x509=true. */
  async open({ connection, token, ca, certificate, key, is_module: isModule, lies, once: isOnce }) {
    const kind = isModule ? ModuleClient : Client;
    const protocol = PROTOCOLS[process.argv[2]]();
    if (lies) {
      client = kind.fromAuthenticationProvider(liar(lies, token), protocol);
    } else if (token) {
      client = kind.fromSharedAccessSignature(token, protocol);
    } else {
      client = kind.fromConnectionString(connection, protocol);
    }
    const options = certificate ? { ca, cert: certificate, key } : { ca };
    if (process.argv[2] === 'http') {
      // Without any of this, `setOptions` of this protocol never comes back.
      options.http = { receivePolicy: { interval: 1 } };
    }
    await client.setOptions(options);
    if (isOnce) {
      client.setRetryPolicy(new NoRetry());
    }
    isLost = false;
    received = [];
    client.on('disconnect', () => {
      isLost = true;
      wake();
    });
    // An event without a listener would end the program.
    client.on('error', () => {});
  },

  async connect() {
    await client.open();
  },

  async send({ text, properties = {}, system = {}, output }) {
    const message = new Message(text);
    for (const [name, value] of Object.entries(properties)) {
      message.properties.add(name, value);
    }
    Object.assign(message, system);
    const sent = await (output ? client.sendOutputEvent(output, message) : client.sendEvent(message));
    return { result: sent.constructor.name };
  },

  /** Asks for messages to the device. */
  async listen() {
    client.on('message', (message) => {
      received.push(message);
      wake();
    });
  },

  async receive() {
    await until(() => received.length > 0, 'no message');
    const message = received.shift();
    await client.complete(message);
    const pairs = message.properties.propertyList.map(({ key, value }) => [key, value]);
    return { text: message.getData().toString(), properties: Object.fromEntries(pairs) };
  },

  async twin() {
    const { properties } = await client.getTwin();
    return { twin: properties.desired };
  },

  /** Changes the token, with messages before, meanwhile and after. */
  async renew({ token, texts = [] }) {
    const send = (text) => client.sendEvent(new Message(text));
    const half = texts.length / 2;
    const before = texts.slice(0, half).map(send);
    const renewing = client.updateSharedAccessSignature(token);
    await Promise.all([...before, renewing, ...texts.slice(half).map(send)]);
  },

  async wait_until_lost() {
    await until(() => isLost, 'still connected');
  },

  async close() {
    if (client) {
      const closing = client;
      client = undefined;
      await closing.close();
    }
  },
};

/** Says to be a device, whatever the token is for. */
function liar({ host, device }, token) {
  const provider = new EventEmitter();
  provider.type = AuthenticationType.Token;
  provider.stop = () => {};
  provider.getDeviceCredentials = (callback) => {
    callback(null, { host, deviceId: device, sharedAccessSignature: token });
  };
  return provider;
}

/** Waits until something is so. */
async function until(isSo, otherwise) {
  const end = Date.now() + PATIENCE;
  while (!isSo()) {
    const left = end - Date.now();
    if (left <= 0) {
      throw new Error(otherwise);
    }
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, left);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

async function main() {
  setTimeout(() => process.exit(3), WATCHDOG).unref();
  const lines = readline.createInterface({ input: process.stdin });
  for await (const line of lines) {
    const request = JSON.parse(line);
    const start = Date.now();
    let said;
    try {
      said = (await actions[request.do](request)) || {};
    } catch (error) {
      said = { error: error.constructor.name, message: error.message };
    }
    said.seconds = (Date.now() - start) / 1000;
    if (!process.stdout.write(`${JSON.stringify(said)}\n`)) {
      await once(process.stdout, 'drain');
    }
  }
  // Timers of the SDK would go on.
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
