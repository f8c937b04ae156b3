#!/usr/bin/env node
// Tokens of the official Node SDK, azure-iot-device.
//
// Reads a JSON list of {"connection_string": …, "expiry": …} from standard input and writes the JSON
// list of their tokens. With `--time`, reads such a list of one and writes its token and what it
// took, warm: {"token": …, "nanoseconds": …}.

'use strict';

const fs = require('node:fs');
const {
  ConnectionString,
  SharedAccessKeyAuthenticationProvider,
  SharedAccessSignature,
} = require('azure-iot-device');

const LIFETIME = 3600;
const RENEWAL_MARGIN = 900;

// Rounds of a measurement, and calls in each: about a second in all, the compiler's time included.
const ROUNDS = 100;
const CALLS = 2_000;

/** The token, made from a connection string as the SDK's clients make it. */
async function makeToken({ connection_string: connectionString, expiry }) {
  const provider = SharedAccessKeyAuthenticationProvider.fromConnectionString(
    connectionString,
    LIFETIME,
    RENEWAL_MARGIN,
  );
  // The provider adds the lifetime to the clock.
  const realNow = Date.now;
  Date.now = () => (expiry - LIFETIME) * 1000;
  try {
    return (await provider.getDeviceCredentials()).sharedAccessSignature;
  } finally {
    Date.now = realNow;
    provider.stop();
  }
}

/** Makes one device's token over and over; the median round counts. */
function measure({ connection_string: connectionString, expiry }) {
  const { HostName, DeviceId, SharedAccessKey } = ConnectionString.parse(connectionString);
  const make = () =>
    SharedAccessSignature.create(HostName, DeviceId, SharedAccessKey, expiry).toString();
  let token;
  const rounds = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const start = process.hrtime.bigint();
    for (let call = 0; call < CALLS; call += 1) {
      token = make();
    }
    rounds.push(Number(process.hrtime.bigint() - start) / CALLS);
  }
  rounds.sort((a, b) => a - b);
  return { token, nanoseconds: rounds[ROUNDS / 2] };
}

async function main() {
  const cases = JSON.parse(fs.readFileSync(0, 'utf8'));
  if (process.argv[2] === '--time') {
    process.stdout.write(JSON.stringify(measure(cases[0])));
    return;
  }
  const tokens = [];
  for (const each of cases) {
    // One after the other: the clock is everybody's.
    tokens.push(await makeToken(each));
  }
  process.stdout.write(JSON.stringify(tokens));
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
