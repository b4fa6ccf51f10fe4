/**
 * Bytes through the kernel: an unnamed pipe, a FIFO, a pair of sockets.
 *
 * @module
 */

import { createFifo, openFifo, pipe, pipeReader } from "../../pipe/mod.ts";
import { socketFromDescriptor, socketPair, type StreamSocket } from "../../socket/mod.ts";
import { fromDescriptor } from "../../sys/fd.ts";
import { tellCurtain } from "../../trace/tell.ts";
import { REHEARSALS, type TraceScene } from "./stage.ts";

const MESSAGE = new TextEncoder().encode("hello, other process\n");

/** One message through a pipe that a parent gives its child. */
export const PIPE: TraceScene = {
  title: "A message through an unnamed pipe: two copies, and the reader waits until it comes",

  async first(stage) {
    const { reader, writer } = pipe();
    stage.use(writer);
    const child = await stage.start([], { stdin: reader });
    stage.record();
    for (let times = 0; times < REHEARSALS; times++) {
      await writer.write(MESSAGE);
      await stage.suspense();
    }
    await stage.cueAsleep(child);
    tellCurtain();
    await writer.write(MESSAGE);
    stage.cut();
    await stage.over(child);
  },

  async second(stage) {
    using reader = pipeReader(fromDescriptor(0));
    stage.record();
    stage.ready();
    const buffer = new Uint8Array(MESSAGE.byteLength);
    for (let times = 0; times < REHEARSALS; times++) await reader.read(buffer);
    tellCurtain();
    stage.ready();
    await reader.read(buffer);
  },
};

/** The same by name, between processes that need not be related. */
export const FIFO: TraceScene = {
  title: "A message through a FIFO: a pipe with a name, where opening waits for the other side",

  async first(stage) {
    const paths = ["rehearsal", "fifo"].map((name) => `${stage.directory}/${name}`);
    for (const path of paths) createFifo(path);
    const child = await stage.start(paths);
    stage.record();
    for (const path of paths) {
      await stage.cueAsleep(child);
      tellCurtain();
      using writer = await openFifo(path, "write");
      await writer.write(MESSAGE);
    }
    stage.cut();
    await stage.over(child);
  },

  async second(stage) {
    stage.record();
    stage.ready();
    for (const path of stage.args) {
      tellCurtain();
      stage.ready();
      using reader = await openFifo(path, "read");
      await reader.read(new Uint8Array(MESSAGE.byteLength));
    }
  },
};

/** A question and its answer. */
export const SOCKET: TraceScene = {
  title: "A question and its answer through a pair of Unix sockets: two copies in each direction",

  async first(stage) {
    stage.record();
    const [mine, theirs] = socketPair("stream");
    stage.cut();
    stage.use(mine);
    const child = await stage.start([], { stdin: theirs });
    stage.record();
    for (let times = 0; times < REHEARSALS; times++) {
      await ask(mine);
      await stage.suspense();
    }
    await stage.cueAsleep(child);
    tellCurtain();
    await ask(mine);
    stage.cut();
    await stage.over(child);
  },

  async second(stage) {
    const socket = socketFromDescriptor(fromDescriptor(0));
    using _socket = socket;
    if (socket.type !== "stream") throw new TypeError("The descriptor must be a stream socket");
    stage.record();
    stage.ready();
    const answer = async () => {
      const buffer = new Uint8Array(MESSAGE.byteLength);
      const count = await socket.read(buffer);
      await socket.write(buffer.subarray(0, count ?? 0));
    };
    for (let times = 0; times < REHEARSALS; times++) await answer();
    tellCurtain();
    stage.ready();
    await answer();
  },
};

async function ask(socket: StreamSocket): Promise<void> {
  await socket.write(MESSAGE);
  await socket.read(new Uint8Array(MESSAGE.byteLength));
}
