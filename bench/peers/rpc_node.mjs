/** The same over Node's messages between a parent and the child that it forked: one at a time, or many in flight. */

import { fork } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";

const IN_FLIGHT = 500;
const [cpu = "-1", form = "one"] = process.argv.slice(2);

if (form === "child") {
  process.on("message", ({ id, args: [a, b] }) => process.send({ id, result: a + b }));
} else {
  const own = Number(cpu) < 0 ? {} : { execPath: "taskset", execArgv: ["-c", cpu, process.execPath] };
  const child = fork(new URL(import.meta.url), [cpu, "child"], own);
  const open = new Map();
  child.on("message", ({ id, result }) => {
    open.get(id)(result);
    open.delete(id);
  });
  let last = 0;
  const add = (...args) =>
    new Promise((resolve) => {
      const id = ++last;
      open.set(id, resolve);
      child.send({ id, method: "add", args });
    });
  const round = async (operations) => {
    if (form === "one") {
      for (let i = 0; i < operations; i++) right(await add(i, 1), i + 1);
      return;
    }
    for (let i = 0; i < operations; i += IN_FLIGHT) {
      const calls = Array.from({ length: Math.min(IN_FLIGHT, operations - i) }, (_, j) => add(i + j, 1));
      (await Promise.all(calls)).forEach((sum, j) => right(sum, i + j + 1));
    }
  };
  console.log("ready");
  for await (const line of createInterface({ input: process.stdin })) {
    const start = performance.now();
    await round(Number(line));
    console.log(JSON.stringify({ nanoseconds: (performance.now() - start) * 1e6 }));
  }
  child.disconnect();
}

function right(sum, expected) {
  if (sum !== expected) throw new Error(`${sum} is not ${expected}`);
}
