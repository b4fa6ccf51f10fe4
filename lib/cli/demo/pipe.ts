/**
 * A pipe from parent to child.
 *
 * @module
 */

import { pipe, pipeReader } from "../../pipe/mod.ts";
import { fromDescriptor } from "../../sys/fd.ts";
import type { Mechanism } from "./mechanism.ts";

const GREETING = "hello\n";

/** The parent writes, the child reads to the end of file. */
export const PIPE: Mechanism = {
  model: "synchronous, through the kernel",
  about:
    "bytes in order; the kernel copies each twice; the reader waits while it is empty, the writer while it is full",

  async play(scene) {
    const { reader, writer } = pipe();
    scene.use(writer);
    scene.did(`makes a pipe of ${writer.capacity} bytes, to give away its reading end`);
    const child = scene.peer([], { stdin: reader });
    await child.said("waits");
    scene.did(`writes ${JSON.stringify(GREETING)}`);
    await writer.write(new TextEncoder().encode(GREETING));
    await child.said("reads");
    scene.did("closes the writing end");
    writer.close();
    await scene.over(child);
    scene.check("the child read what was written", child.told.includes(`reads ${JSON.stringify(GREETING)}`));
    scene.check("then it met the end of file", child.told.includes("meets the end of file"));
  },

  async peer(report) {
    using reader = pipeReader(fromDescriptor(0));
    report.did("waits at the pipe's other end");
    report.send();
    const buffer = new Uint8Array(64);
    const count = await reader.read(buffer);
    report.did(`reads ${JSON.stringify(new TextDecoder().decode(buffer.subarray(0, count ?? 0)))}`);
    report.send();
    if (await reader.read(buffer) === null) report.did("meets the end of file");
  },
};
