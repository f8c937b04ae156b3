#!/usr/bin/env node
// The hub's side of AMQP 1.0: SASL, tokens over `$cbs`, and messages from devices. It judges nothing
// itself: whoever runs it is asked about each credential.
//
// Reads JSON, a line each, from standard input: first where to listen, {"address", "port", "certificate",
// "key"}, then answers {"id", "status", "description", "opens"}. Writes what happens and what it asks.

'use strict';

const readline = require('node:readline');
const rhea = require('rhea');
const sasl = require('rhea/lib/sasl.js');

const CBS = '$cbs';

// Whatever happens, nothing is left running.
setTimeout(() => process.exit(3), 90_000).unref();

const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

// --- Questions, and who waits for their answers.

let last = 0;
const waiting = new Map();

function ask(question) {
  last += 1;
  say({ ...question, id: last });
  return new Promise((resolve) => waiting.set(last, resolve));
}

// --- What came over the wire last, as it came: the decoder of `rhea` forgets types.

let raw;
const { decode } = rhea.message;
rhea.message.decode = (buffer) => {
  raw = buffer.toString('hex');
  return decode(buffer);
};

const container = rhea.create_container({ id: 'hub', receiver_options: { autoaccept: false } });

// Which mechanism somebody chose.
const { on_sasl_init: onSaslInit } = sasl.Server.prototype;
sasl.Server.prototype.on_sasl_init = function (frame) {
  this.mechanism_name = frame.performative.mechanism;
  return onSaslInit.call(this, frame);
};

// What a SASL user may do.
const opened = new Map();
container.sasl_server_mechanisms.enable_anonymous();
container.sasl_server_mechanisms.enable_plain(async (user, password) => {
  const { status, opens } = await ask({ ask: 'plain', user, password });
  opened.set(user, opens);
  return status === 200;
});

container.on('connection_open', ({ connection }) => {
  // Only what has a mechanism went through SASL.
  const server = connection.sasl_transport.selected || connection.sasl_transport;
  const user = server.mechanism && server.username;
  connection.opens = opened.get(user);
  const mechanism = server.mechanism_name || null;
  say({ event: 'open', mechanism, user, hostname: connection.hostname });
});

/** Whether a link may be attached, and for what it is. */
function check(connection, link, address) {
  const isOpen = address === CBS || (connection.opens && address.startsWith(`${connection.opens}/`));
  say({ event: 'attach', address, is_open: Boolean(isOpen) });
  if (!isOpen) {
    link.close({ condition: 'amqp:unauthorized-access', description: 'no token for this' });
  }
}

container.on('receiver_open', ({ connection, receiver }) => {
  receiver.set_target(receiver.remote.attach.target);
  check(connection, receiver, receiver.target.address);
});

container.on('sender_open', ({ connection, sender }) => {
  sender.set_source(sender.remote.attach.source);
  check(connection, sender, sender.source.address);
  if (sender.source.address === CBS) {
    connection.replies = sender;
  }
});

container.on('message', async ({ connection, receiver, message, delivery }) => {
  const { address } = receiver.target;
  if (address !== CBS) {
    delivery.accept();
    say({ event: 'message', address, raw });
    return;
  }
  const answering = ask({ ask: 'put-token', raw });
  delivery.accept();
  const { status, description, opens } = await answering;
  if (status === 200) {
    connection.opens = opens;
  }
  connection.replies.send({
    correlation_id: message.message_id,
    application_properties: {
      'status-code': rhea.types.wrap_int(status),
      'status-description': description,
    },
    body: '',
  });
});

for (const event of ['connection_error', 'session_error', 'protocol_error', 'error', 'disconnected']) {
  container.on(event, () => {});
}

async function main() {
  const lines = readline.createInterface({ input: process.stdin });
  let server;
  for await (const line of lines) {
    const told = JSON.parse(line);
    if (server) {
      waiting.get(told.id)(told);
      waiting.delete(told.id);
      continue;
    }
    const { address: host, port, certificate: cert, key } = told;
    server = container.listen({ host, port, transport: 'tls', cert, key });
    server.on('listening', () => say({ event: 'listening', port: server.address().port }));
    server.on('error', (error) => say({ event: 'error', message: error.message }));
  }
  process.exit(0);
}

main();
