// A TCP proxy before the server, for what a network does: it counts bytes, and slips a frame of
// its own between the server's (RFC 6455, section 5.2).
import { connect, createServer } from 'node:net';

const TEXT_FRAME = 0x81; // whole message, text
const SHORT_MAX = 125;
const LENGTH_16 = 126;

/** Starts a proxy to `port` of this machine. */
export async function startProxy(port) {
  const links = new Set();
  const proxy = { url: '', connections: 0, bytesUp: 0 };
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    const link = { client, upstream };
    links.add(link);
    proxy.connections += 1;
    client.on('data', (bytes) => {
      proxy.bytesUp += bytes.length;
    });
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ]) {
      from.pipe(to);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        to.destroy();
        links.delete(link);
      });
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  proxy.url = `http://127.0.0.1:${server.address().port}`;
  /** Sends a text frame to every client. Only while the server is silent, between two frames. */
  proxy.slipIn = (text) => {
    for (const { client } of links) client.write(textFrame(text));
  };
  proxy.close = () => {
    server.close();
    for (const { client, upstream } of links) for (const end of [client, upstream]) end.destroy();
  };
  return proxy;
}

function textFrame(text) {
  const body = Buffer.from(text);
  if (body.length <= SHORT_MAX) return Buffer.concat([Buffer.of(TEXT_FRAME, body.length), body]);
  const head = Buffer.of(TEXT_FRAME, LENGTH_16, 0, 0);
  head.writeUInt16BE(body.length, 2);
  return Buffer.concat([head, body]);
}
