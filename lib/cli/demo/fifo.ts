/**
 * Two FIFOs with a plain `cat` between them.
 *
 * @module
 */

import { createFifo, openFifo } from "../../pipe/mod.ts";
import type { Mechanism } from "./mechanism.ts";

const LINE = "there and back again\n";

/** The parent writes into one FIFO, `cat` copies it to another, the parent reads it there. */
export const FIFO: Mechanism = {
  model: "synchronous, through the kernel",
  about: "a pipe with a name: strangers can meet; opening waits for the other end; two copies",

  async play(scene) {
    const there = `${scene.directory}/there`;
    const back = `${scene.directory}/back`;
    createFifo(there);
    createFifo(back);
    scene.did("makes two FIFOs, there and back");
    const child = scene.program("sh", ["-c", 'exec cat <"$1" >"$2"', "sh", there, back]);
    const who = `cat(${child.pid})`;
    scene.did("opens there, and waits for a reader");
    using writer = await openFifo(there, "write");
    scene.note(who, "has opened there (seen from the parent)");
    using reader = await openFifo(back, "read");
    scene.did(`writes ${JSON.stringify(LINE)} there`);
    await writer.write(new TextEncoder().encode(LINE));
    const buffer = new Uint8Array(64);
    const count = await reader.read(buffer);
    const text = new TextDecoder().decode(buffer.subarray(0, count ?? 0));
    scene.did(`reads ${JSON.stringify(text)} from back`);
    writer.close();
    scene.did("closes there");
    const end = await reader.read(buffer);
    scene.did("meets the end of file at back: cat has met it there");
    const status = await child.status;
    scene.note(who, "has ended (seen from the parent)");
    scene.check("the line came back unchanged", text === LINE);
    scene.check("the end of file came back too", end === null && status.kind === "exited" && status.code === 0);
  },
};
