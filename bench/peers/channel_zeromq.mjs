/**
 * What a channel is measured against: ZeroMQ between two Node processes, over `ipc://`. channel_zeromq.mjs CPU round|stream
 *
 * npm puts it into bench/.build when it is first needed; nothing else of the repository knows it. (In Deno it loads, and then hangs.) `stream`: one way, of
 * which the last is answered.
 */

import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const VERSION = "6.8.0";
const FOLDER = fileURLToPath(new URL("../.build/zeromq/", import.meta.url));

const [cpu = "-1", how = "round", address] = process.argv.slice(2);
const { Pair } = load();
const socket = new Pair();
const message = new Uint8Array(64);
const last = new Uint8Array(64).fill(1);

if (address !== undefined) await echo(address);
else {
  const directory = mkdtempSync(`${tmpdir()}/zeromq-`);
  try {
    await ask(`ipc://${directory}/socket`);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function ask(address) {
  await socket.bind(address);
  const words = [process.execPath, fileURLToPath(import.meta.url), cpu, how, address];
  const [program, ...args] = Number(cpu) < 0 ? words : ["taskset", "-c", cpu, ...words];
  const peer = spawn(program, args, { stdio: ["pipe", "inherit", "inherit"] });
  await socket.receive();
  console.log("ready");
  for await (const line of createInterface({ input: process.stdin })) {
    const start = performance.now();
    await round(Number(line));
    console.log(JSON.stringify({ nanoseconds: (performance.now() - start) * 1e6 }));
  }
  peer.stdin.end();
  await new Promise((resolve) => peer.on("exit", resolve));
  socket.close();
}

async function round(operations) {
  if (how === "round") {
    for (let i = 0; i < operations; i++) {
      await socket.send(message);
      await socket.receive();
    }
    return;
  }
  for (let i = 1; i < operations; i++) await socket.send(message);
  await socket.send(last);
  await socket.receive();
}

async function echo(address) {
  // It does not notice that its peer is gone, and this does.
  process.stdin.on("close", () => process.exit()).resume();
  socket.connect(address);
  await socket.send(message);
  while (true) {
    const [received] = await socket.receive();
    if (how === "round" || received[0] === 1) await socket.send(received);
  }
}

function load() {
  const require = createRequire(FOLDER);
  try {
    return require("zeromq");
  } catch (error) {
    if (error.code !== "MODULE_NOT_FOUND") skip(error);
  }
  mkdirSync(FOLDER, { recursive: true });
  try {
    const args = ["install", "--prefix", FOLDER, "--no-save", "--no-audit", "--no-fund", `zeromq@${VERSION}`];
    execFileSync("npm", args, { stdio: "ignore", timeout: 60_000 });
    return require("zeromq");
  } catch (error) {
    skip(error);
  }
}

function skip(error) {
  // The bench's word for it: SKIP in contender.ts.
  console.log(`skip: zeromq cannot be installed: ${error.message.split("\n", 1)[0]}`);
  process.exit();
}
