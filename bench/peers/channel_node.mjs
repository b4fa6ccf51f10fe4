/**
 * What a channel is measured against: Node's messages between a parent and the child that it forked. channel_node.mjs CPU HOW CODEC
 *
 * HOW `round`: to the child and back; `stream`: one way, of which the last is answered. CODEC `json` or `advanced` is how Node serializes: an object of 64
 * bytes of JSON, or, behind `-bytes`, 64 bytes (as text where it is JSON, which has no bytes).
 */

import { fork } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";

const [cpu = "-1", how = "round", codec = "json", role] = process.argv.slice(2);
const serialization = codec.startsWith("json") ? "json" : "advanced";
const message = codec === "json-bytes"
  ? "x".repeat(64)
  : codec === "advanced-bytes"
  ? new Uint8Array(64)
  : { kind: "job", number: 12345, text: "a letter to Ada", ok: true };
/** Messages that wait in the parent at most, when they go one way. */
const MOST_WAITING = 1000;

if (role === "child") {
  process.on("message", (received) => {
    if (how === "round" || received === "last") process.send(received);
  });
  process.send("here");
} else {
  const own = Number(cpu) < 0 ? {} : { execPath: "taskset", execArgv: ["-c", cpu, process.execPath] };
  const child = fork(new URL(import.meta.url), [cpu, how, codec, "child"], { ...own, serialization });
  let received;
  const answer = () => new Promise((resolve) => received = resolve);
  child.on("message", (value) => received(value));
  const round = async (operations) => {
    if (how === "round") {
      for (let i = 0; i < operations; i++) {
        const answered = answer();
        child.send(message);
        await answered;
      }
      return;
    }
    const answered = answer();
    for (let i = 1; i < operations; i++) {
      if (i % MOST_WAITING === 0) await new Promise((resolve) => child.send(message, resolve));
      else child.send(message);
    }
    child.send("last");
    await answered;
  };
  await answer();
  console.log("ready");
  for await (const line of createInterface({ input: process.stdin })) {
    const start = performance.now();
    await round(Number(line));
    console.log(JSON.stringify({ nanoseconds: (performance.now() - start) * 1e6 }));
  }
  child.disconnect();
}
