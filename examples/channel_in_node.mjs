// The child's end of a channelPair, in Node: frames over an inherited Unix stream socket (docs/layouts.md, Frames).
import { Buffer } from "node:buffer";
import { Socket } from "node:net";
import process from "node:process";

const KIND = { HELLO: 1, DATA: 2, END: 3, BYE: 4 };
const HEADER_BYTES = 5;
const MOST = 2 ** 20;

const descriptor = Number(/^socket:(\d+)$/.exec(process.env.CAUSEWAY_CHANNEL)[1]);
const socket = new Socket({ fd: descriptor, readable: true, writable: true });

function write(kind, payload = Buffer.alloc(0)) {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(payload.length);
  header[4] = kind;
  socket.write(Buffer.concat([header, payload]));
}

function hello() {
  const payload = Buffer.alloc(48);
  payload.write("CAUSEWAY");
  payload.writeUInt16LE(1, 8);
  payload.writeUInt32LE(MOST, 12);
  payload.write("json", 24);
  return payload;
}

async function* frames() {
  let rest = Buffer.alloc(0);
  // Leaving the loop must not destroy the socket: the goodbye is still to be written.
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= HEADER_BYTES) {
      const end = HEADER_BYTES + rest.readUInt32LE();
      if (end > HEADER_BYTES + MOST) throw new Error("longer than was agreed");
      if (rest.length < end) break;
      yield { kind: rest[4], payload: rest.subarray(HEADER_BYTES, end) };
      rest = rest.subarray(end);
    }
  }
  throw new Error("the peer died");
}

write(KIND.HELLO, hello());
for await (const { kind, payload } of frames()) {
  if (kind === KIND.HELLO && !payload.subarray(0, 10).equals(hello().subarray(0, 10))) throw new Error("no channel");
  if (kind === KIND.END || kind === KIND.BYE) break;
  if (kind !== KIND.DATA) continue;
  const number = JSON.parse(payload.toString());
  write(KIND.DATA, Buffer.from(JSON.stringify({ by: "Node", square: number * number })));
}
write(KIND.BYE);
socket.end();
