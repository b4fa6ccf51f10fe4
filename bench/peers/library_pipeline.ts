/**
 * `head | cat | wc` and `/bin/true` by libraries of other people, as their own pages say to write it. They are fetched when this is run, and nothing
 * else of the repository knows them: the specifiers are not static, so that no lock file or type check asks for them.
 */

import { SKIP } from "../contender.ts";
import { serveRounds } from "./serve_rounds.ts";

const SPECIFIERS = {
  execa: "npm:execa@10.2.1",
  zx: "npm:zx@8.8.5",
  dax: "npm:dax-sh@0.44.1",
  tinyexec: "npm:tinyexec@1.3.1",
} as const;

/** What is used of the libraries: called as the manual says, typed as little as that needs. */
// deno-lint-ignore no-explicit-any
type Library = any;

interface Way {
  /** Resolves with what the last program printed. */
  count(mebibytes: number): Promise<string>;
  /** Runs `/bin/true`. */
  start(): Promise<unknown>;
}

const WAYS: Record<string, () => Promise<Way>> = {
  "Deno.Command": () => Promise.resolve({ count: countByPipeTo, start: startByDeno }),
  async execa() {
    const { execa }: Library = await import(SPECIFIERS.execa);
    return {
      // Without this it keeps what passes through, and a string of it all is too long.
      count: async (mebibytes) =>
        (await execa("head", ["-c", `${mebibytes}M`, "/dev/zero"], { buffer: false })
          .pipe("cat", { buffer: false }).pipe("wc", ["-c"])).stdout,
      start: () => execa("/bin/true"),
    };
  },
  async zx() {
    const { $ }: Library = await import(SPECIFIERS.zx);
    $.verbose = false;
    return {
      count: async (mebibytes) => (await $`head -c ${mebibytes}M /dev/zero`.pipe($`cat`).pipe($`wc -c`)).stdout,
      start: () => $`/bin/true`,
    };
  },
  async dax() {
    const { default: $ }: Library = await import(SPECIFIERS.dax);
    return {
      count: (mebibytes) => $`head -c ${mebibytes}M /dev/zero | cat | wc -c`.text(),
      start: () => $`/bin/true`,
    };
  },
  async tinyexec() {
    const { x }: Library = await import(SPECIFIERS.tinyexec);
    return {
      count: async (mebibytes) =>
        (await x("head", ["-c", `${mebibytes}M`, "/dev/zero"]).pipe("cat").pipe("wc", ["-c"])).stdout,
      start: () => x("/bin/true"),
    };
  },
};

const [, name = "", question] = Deno.args;
const load = WAYS[name];
if (load === undefined) throw new TypeError(`Unknown library ${name}`);
const way = await load().catch((error) => {
  console.log(`${SKIP}${name} cannot be fetched: ${error.message.split("\n", 1)[0]}`);
  Deno.exit();
});

await serveRounds(async (operations) => {
  if (question === "spawn") {
    for (let i = 0; i < operations; i++) await way.start();
    return;
  }
  const counted = Number(await way.count(operations));
  if (counted !== operations * 2 ** 20) throw new Error(`Counted ${counted} bytes of ${operations} MiB`);
});

function startByDeno(): Promise<unknown> {
  return new Deno.Command("/bin/true", { stdin: "null", stdout: "inherit", stderr: "inherit" }).spawn().status;
}

async function countByPipeTo(mebibytes: number): Promise<string> {
  const piped = { stdin: "piped", stdout: "piped" } as const;
  const head = new Deno.Command("head", { args: ["-c", `${mebibytes}M`, "/dev/zero"], stdout: "piped" }).spawn();
  const cat = new Deno.Command("cat", piped).spawn();
  const wc = new Deno.Command("wc", { args: ["-c"], ...piped }).spawn();
  const pipes = [head.stdout.pipeTo(cat.stdin), cat.stdout.pipeTo(wc.stdin)];
  const [{ stdout }] = await Promise.all([wc.output(), head.status, cat.status, ...pipes]);
  return new TextDecoder().decode(stdout);
}
