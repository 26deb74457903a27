// A WebSocket server in as few lines as the checks need: it echoes, `late` after 50 ms, and obeys
// `close` and `binary`.
import { createHash } from 'node:crypto';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** Answers the upgrade requests of an HTTP server. */
export function echo(server) {
  server.on('upgrade', (request, socket) => {
    const key = createHash('sha1')
      .update(request.headers['sec-websocket-key'] + GUID)
      .digest('base64');
    socket.on('error', () => socket.destroy());
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        `Sec-WebSocket-Accept: ${key}\r\n\r\n`,
    );
    let pending = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      pending = Buffer.concat([pending, chunk]);
      for (let frame = take(pending); frame !== null; frame = take(pending)) {
        pending = pending.subarray(frame.end);
        answer(socket, frame);
      }
    });
  });
}

function answer(socket, { opcode, content }) {
  const text = content.toString();
  if (opcode === 8) socket.end();
  else if (text === 'close') socket.write(framed(8, Buffer.from('\x0f\xa1as you wish', 'latin1')));
  else if (text === 'binary') socket.write(framed(2, Buffer.from([1, 2, 3])));
  else if (text === 'late') setTimeout(() => socket.write(framed(1, content)), 50);
  else socket.write(framed(1, content));
}

/** The first whole frame of a client, unmasked, or null. */
function take(buffer) {
  if (buffer.length < 2) return null;
  const short = buffer[1] & 127;
  const size = short === 127 ? 8 : short === 126 ? 2 : 0;
  const start = 2 + size + 4;
  if (buffer.length < start) return null;
  const length =
    size === 0 ? short : size === 2 ? buffer.readUInt16BE(2) : Number(buffer.readBigUInt64BE(2));
  if (buffer.length < start + length) return null;
  const content = Buffer.from(buffer.subarray(start, start + length));
  for (let at = 0; at < length; at += 1) content[at] ^= buffer[start - 4 + (at & 3)];
  return { opcode: buffer[0] & 15, content, end: start + length };
}

function framed(opcode, content) {
  const length = content.length;
  if (length < 126) return Buffer.concat([Buffer.from([128 | opcode, length]), content]);
  const isShort = length < 65_536;
  const head = Buffer.alloc(isShort ? 4 : 10);
  head[0] = 128 | opcode;
  head[1] = isShort ? 126 : 127;
  if (isShort) head.writeUInt16BE(length, 2);
  else head.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([head, content]);
}
