// Reads connections, one a line in hexadecimal, and prints what Node's own HTTP server makes of
// each: the requests that arrived whole, and the code of the error that ended it, one JSON text
// a line. The bytes are fed in memory, through the public API; no port is opened.
// Called by HTTPJudge.swift:  node judge.mjs FILE

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Duplex } from 'node:stream';

class Wire extends Duplex {
  _read() {}
  _write(chunk, encoding, done) { done(); }
  setTimeout() { return this; }
  setNoDelay() { return this; }
  setKeepAlive() { return this; }
  ref() { return this; }
  unref() { return this; }
}

const server = createServer({
  insecureHTTPParser: false, maxHeaderSize: 65536, requestTimeout: 0, headersTimeout: 0,
  keepAliveTimeout: 0, requireHostHeader: false, connectionsCheckingInterval: 1 << 30,
});
server.maxHeadersCount = 0;

const turn = () => new Promise(resolve => setImmediate(resolve));

// What Node would answer by itself (no Host, an unknown expectation) is shown like any request, so
// that this is about its parser alone.
async function judge(bytes) {
  const requests = [];
  const wire = new Wire();
  let error = null;
  wire.on('error', () => {});
  const take = expects => (request, response) => {
    const seen = {
      method: request.method, url: request.url, version: request.httpVersion, expects,
      keepAlive: response.shouldKeepAlive, headers: request.rawHeaders, body: '', whole: false,
    };
    requests.push(seen);
    request.on('data', piece => { seen.body += piece.toString('hex'); });
    request.on('end', () => { seen.whole = request.complete; response.end(); });
    request.on('error', () => {});
    response.on('error', () => {});
  };
  const plain = take(false);
  const waiting = take(true);
  const broken = reason => { error = error ?? reason.code ?? 'UNKNOWN'; };
  server.on('request', plain);
  server.on('checkContinue', waiting);
  server.on('checkExpectation', plain);
  server.on('clientError', broken);
  server.emit('connection', wire);
  wire.push(bytes);
  for (let i = 0; i < 6; i++) await turn();
  wire.push(null);
  for (let i = 0; i < 4; i++) await turn();
  wire.destroy();
  await turn();
  server.removeAllListeners('request');
  server.removeAllListeners('checkContinue');
  server.removeAllListeners('checkExpectation');
  server.removeAllListeners('clientError');
  return { requests: requests.filter(seen => seen.whole), error };
}

for (const line of readFileSync(process.argv[2], 'utf8').split('\n')) {
  const answer = await judge(Buffer.from(line, 'hex'));
  process.stdout.write(JSON.stringify(answer) + '\n');
}
server.close();
process.exit(0);
