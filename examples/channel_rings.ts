// One typed channel through shared memory to children in Python and in C: messages without a system call while both are awake.
// deno run --allow-ffi --allow-run --allow-read --allow-write examples/channel_rings.ts
// Needs: python3, gcc
// Expect: Python: 1 4 9
// Expect: C: 1 4 9
// Expect: Python that was killed: 1, died
// Expect: C that was killed: 1, died
import { ChannelClosedError, channelPair, type Command, command } from "../mod.ts";

type Answer = { by: string; square: number };

const here = import.meta.dirname!;
const directory = await Deno.makeTempDir();
// The page that describes the layouts has a header in it.
const page = await Deno.readTextFile(`${here}/../docs/layouts.md`);
const header = Array.from(page.matchAll(/^```c\n(.*?)^```$/gms), ([, code]) => code).join("\n");
await Deno.writeTextFile(`${directory}/causeway.h`, `#pragma once\n${header}`);
const program = `${directory}/channel_ring_in_c`;
await command("gcc", ["-O2", "-I", directory, "-o", program, `${here}/channel_ring_in_c.c`]).output();

const peers = { Python: command("python3", [`${here}/channel_ring_in_python.py`]), C: command(program) };
for (const peer of Object.values(peers)) await squares(peer);
for (const [name, peer] of Object.entries(peers)) console.log(`${name} that was killed: ${await death(peer)}`);
await Deno.remove(directory, { recursive: true });

/** Sends three numbers and says no more; the child answers each and closes. */
async function squares(peer: Command): Promise<void> {
  const { parent, child } = channelPair<number, Answer>({ road: "ring" });
  const { status } = peer.with({ inherit: [child] }).spawn();
  await parent.sendMany([1, 2, 3]);
  parent.closeSending();
  const answers = await Array.fromAsync(parent);
  parent.close();
  await status;
  console.log(`${answers[0]?.by}: ${answers.map(({ square }) => square).join(" ")}`);
}

/** What was sent before a death is received, and then there is an error instead of an end. */
async function death(peer: Command): Promise<string> {
  const { parent, child } = channelPair<number, Answer>({ road: "ring" });
  using _parent = parent;
  await using running = peer.with({ inherit: [child] }).spawn();
  await parent.send(1);
  const answer = await parent.receive();
  running.kill("SIGKILL");
  const error: unknown = await parent.receive().catch((error) => error);
  return `${answer?.square}, ${error instanceof ChannelClosedError ? error.reason : "no error"}`;
}
