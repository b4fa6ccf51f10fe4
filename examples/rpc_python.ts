// Typed calls to a child written in Python: methods, errors, streams and callbacks over an inherited socket.
// deno run --allow-ffi --allow-run --allow-read examples/rpc_python.ts
// Needs: python3
// Expect: 1 + 2 = 3
// Expect: TypeError of Python
// Expect: to-be-or-not
// Expect: HELLO DENO
import { channelPair, command, remote } from "../mod.ts";

interface Api {
  add(a: number, b: number): number;
  words(text: string): AsyncIterable<string>;
  greet(name: string, shout: (text: string) => Promise<string>): string;
}

const { parent, child } = channelPair<unknown, unknown>();
const { status } = command("python3", ["-B", `${import.meta.dirname}/rpc_in_python.py`], { inherit: [child] }).spawn();
{
  using python = remote<Api>(parent);
  console.log(`1 + 2 = ${await python.add(1, 2)}`);
  const failure: unknown = await python.add(1, JSON.parse('"2"')).catch((error) => error);
  console.log(failure instanceof TypeError ? "TypeError of Python" : failure);
  console.log((await Array.fromAsync(python.words("to be or not"))).join("-"));
  console.log(await python.greet("Deno", (text) => Promise.resolve(text.toUpperCase())));
}
await status;
