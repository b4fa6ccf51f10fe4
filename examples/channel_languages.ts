// One typed channel to children in Python, in Node and in C: each finds its end in the environment and speaks frames.
// deno run --allow-ffi --allow-run --allow-read --allow-write examples/channel_languages.ts
// Needs: python3, node, gcc
// Expect: Python: 1 4 9
// Expect: Node: 1 4 9
// Expect: C: 1 4 9
// Expect: a child that was killed: died
import { channelPair, type Command, command } from "../mod.ts";

type Answer = { by: string; square: number };

const here = import.meta.dirname!;
const directory = await Deno.makeTempDir();
const program = `${directory}/channel_in_c`;
await command("gcc", ["-Wall", "-o", program, `${here}/channel_in_c.c`]).output();

await squares(command("python3", [`${here}/channel_in_python.py`]));
await squares(command("node", [`${here}/channel_in_node.mjs`]));
await squares(command(program));
await death(command("python3", [`${here}/channel_in_python.py`]));
await Deno.remove(directory, { recursive: true });

/** Sends three numbers and says no more; the child answers each and closes. */
async function squares(peer: Command): Promise<void> {
  const { parent, child } = channelPair<number, Answer>();
  const { status } = peer.with({ inherit: [child] }).spawn();
  await parent.sendMany([1, 2, 3]);
  parent.closeSending();
  const answers = await Array.fromAsync(parent);
  parent.close();
  await status;
  console.log(`${answers[0]?.by}: ${answers.map(({ square }) => square).join(" ")}`);
}

/** A clean end and a death are not the same. */
async function death(peer: Command): Promise<void> {
  const { parent, child } = channelPair<number, Answer>();
  await using running = peer.with({ inherit: [child] }).spawn();
  await parent.send(1);
  await parent.receive();
  running.kill("SIGKILL");
  const reason = await parent.receive().then(() => "closed", (error) => error.reason);
  console.log(`a child that was killed: ${reason}`);
  parent.close();
}
