// Needs: python3
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { TextLineStream } from "@std/streams";
import { command, createMessageQueue, createSysvQueue, spawnPty, topic, unlinkMessageQueue } from "../../mod.ts";
import { deadlockText, page } from "../../lib/cli/top/table.ts";
import type { Rates } from "../../lib/inspect/mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { causeway, commandLine, fixture } from "./causeway.ts";

const WATCHDOG_MS = 120_000;
const SOON = ["--interval", "0.1"];

Deno.test("causeway top --once prints processes and channels, and whom each waits for", async () => {
  await using made = await deadlock("innocent");
  const [reader, sleeper] = made.pids;
  const waits = new RegExp(`^ *${reader} +0\\.0 +0 +0 +python3 +python3 ${sleeper}: to read pipe \\d+$`, "m");
  const { code, stdout, stderr } = await watchdog(WATCHDOG_MS, async () => {
    // The reader is about to read.
    for (;;) {
      const outcome = await causeway(["top", "--once", ...SOON, String(made.parent)]);
      if (waits.test(outcome.stdout)) return outcome;
    }
  });
  assertEquals([code, stderr], [0, ""]);
  assertMatch(stdout, /^ *PID +CPU % +READ\/s +WRITTEN\/s +PROGRAM +WAITS FOR$/m);
  assertMatch(stdout, /^ *WAITING +OF +BYTES\/s +MSGS\/s +DROPS\/s +KIND +NAME +WHO$/m);
  assertMatch(stdout, new RegExp(`^ *0 +64\\.0K +0 +0 +- +pipe +\\d+ +python3 ${sleeper} → python3 ${reader}$`, "m"));
  // Whoever else is on this machine may well be in one.
  assert(!new RegExp(`^DEADLOCK.* (?:${made.pids.join("|")}) `, "m").test(stdout), stdout);
  assert(!stdout.includes("\x1b"));
});

Deno.test("causeway top names a deadlock, whoever was asked for", async () => {
  await using made = await deadlock("flock");
  // It is told from the lowest pid on, whoever was first.
  const [first, second] = made.pids.toSorted((left, right) => left - right);
  const circle = (left: number | undefined, right: number | undefined) =>
    `python3 ${left} waits for python3 ${right} \\(lock \\S+/[ab]\\)`;
  const found = new RegExp(`^DEADLOCK ${circle(first, second)}; ${circle(second, first)}$`, "m");
  await watchdog(WATCHDOG_MS, async () => {
    // Both are about to want the other's lock.
    for (;;) {
      const { code, stdout } = await causeway(["top", "--once", ...SOON, String(Deno.pid)]);
      assertEquals(code, 0);
      if (found.test(stdout)) return;
    }
  });
});

Deno.test("causeway top --json prints an object a line, and ends by the signal that it was sent", async () => {
  await using made = await deadlock("innocent");
  const [program, ...args] = commandLine(["top", "--json", ...SOON, String(made.parent)]);
  const child = new Deno.Command(program, { args, stdin: "null", stdout: "piped" }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream()).getReader();
  await watchdog(WATCHDOG_MS, async () => {
    for (let count = 0; count < 3;) {
      const sample = JSON.parse((await lines.read()).value ?? "");
      assertEquals(Object.keys(sample), ["time", "intervalMs", "processes", "channels", "deadlocks", "hidden"]);
      assert(!Number.isNaN(Date.parse(sample.time)));
      const process = sample.processes.find(({ pid }: { pid: number }) => pid === made.pids[0]);
      // It is about to read.
      if (process.waits.length === 0) continue;
      count++;
      assertEquals(process.waits[0].wakers.map(({ pid }: { pid: number }) => pid), [made.pids[1]]);
      assert(sample.channels.every(({ rates }: { rates: unknown }) => typeof rates === "object"));
    }
    child.kill("SIGTERM");
    assertEquals((await child.status).signal, "SIGTERM");
  });
  await lines.cancel();
});

Deno.test("causeway top ADDRESS shows one channel alone, also when one process alone has it", async () => {
  const name = `/top-${crypto.randomUUID().slice(0, 8)}`;
  const directory = await Deno.makeTempDir();
  const fifo = `${directory}/fifo`;
  assert((await new Deno.Command("mkfifo", { args: [fifo] }).output()).success);
  using both = await Deno.open(fifo, { read: true, write: true });
  await both.write(new Uint8Array(5));
  const queue = createMessageQueue(name, { maxMessages: 3, messageSize: 8 });
  const sysv = createSysvQueue("private");
  try {
    queue.trySend(new Uint8Array(8));
    sysv.trySend(new Uint8Array(8));
    const server = Deno.listen({ transport: "unix", path: `${directory}/socket` });
    const table: [address: string, line: RegExp][] = [
      [`fifo:${fifo}`, /^ *5 +64\.0K +\S+ +\S+ +- +fifo +\S+/],
      [`mq:${name}`, /^ *1 +3 +- +- +- +message-queue +\/top-/],
      [`unix:${directory}/socket`, /^ *0 +\d+ +- +- +- +unix-socket +\S+/],
      [`sysv-queue:${sysv.id}`, /^ *1 +- +- +- +- +sysv-queue +\S+/],
    ];
    for (const [address, line] of table) {
      const { code, stdout } = await causeway(["top", "--once", ...SOON, address]);
      assertEquals(code, 0);
      const channels = stdout.slice(stdout.indexOf("WAITING")).trimEnd().split("\n").slice(1)
        .filter((each) => !each.startsWith("Not seen"));
      assertEquals(channels.length, 1, stdout);
      assertMatch(channels[0] ?? "", line);
      assertMatch(channels[0] ?? "", new RegExp(`deno ${Deno.pid}( →)?$`));
    }
    server.close();
    const absent = `fifo:${directory}/absent`;
    assertEquals(await causeway(["top", "--once", ...SOON, absent]), {
      code: 1,
      signal: null,
      stdout: "",
      stderr: `causeway: top: no process that this user may see has ${absent} open\n`,
    });
  } finally {
    queue.close();
    sysv.remove();
    unlinkMessageQueue(name);
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("causeway top shm:NAME counts the messages of a topic, and what a subscriber missed", async () => {
  const name = `top-${crypto.randomUUID().slice(0, 8)}`;
  const small = { maxMessageBytes: 64, whenFull: "drop-newest", bufferBytes: 1024 } as const;
  await using publisher = await topic<string>(`shm:${name}`, { mode: "publish", maxMessageBytes: 64 });
  await using subscriber = await topic<string>(`shm:${name}`, { mode: "subscribe", ...small });
  let running = true;
  const publishing = (async () => {
    while (running) {
      await publisher.publish("tick");
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  })();
  try {
    await watchdog(WATCHDOG_MS, async () => {
      // On a busy machine nothing may be published in an interval.
      for (let flow = 0; flow === 0;) {
        const { code, stdout } = await causeway(["top", "--once", "--json", "--interval", "0.2", `shm:${name}`]);
        assertEquals(code, 0);
        const { channels } = JSON.parse(stdout);
        const ring = channels.find(({ kind }: { kind: string }) => kind === "ring");
        assertEquals([ring.rates.messages.certainty, ring.rates.bytes.certainty], ["exact", "exact"]);
        flow = ring.rates.messages.perSecond + ring.rates.drops;
      }
    });
  } finally {
    running = false;
    await publishing;
  }
  assert(!subscriber.closed);
});

for (
  const [how, act, status] of [
    ["q", "q", { kind: "exited", code: 0 }],
    ["Ctrl-C", "\x03", { kind: "signaled", signal: "SIGINT", number: 2 }],
  ] as const
) {
  Deno.test(`causeway top takes a terminal over, and gives it back at ${how}`, async () => {
    await watchdog(
      WATCHDOG_MS,
      noLeaks(async () => {
        const [program, ...args] = commandLine(["top", ...SOON, String(Deno.pid)]);
        await using pty = spawnPty(command(program, args), { columns: 60, rows: 12 });
        const text = new Response(pty.readable).text();
        await pty.waitFor(/PID +CPU/);
        pty.resize({ columns: 200, rows: 50 });
        // More lines than there were.
        await pty.waitFor("WAITING");
        await pty.send(act);
        assertEquals(await pty.child.status, status);
        const [before, first = "", ...frames] = (await text).split("\x1b[H");
        assertEquals(before, "\x1b[?1049h\x1b[?25l");
        assert(first.split("\n").length <= 12);
        assert(frames.at(-1)?.includes("\x1b[?25h\x1b[?1049l"));
      }),
    );
  });
}

Deno.test("causeway top gives the terminal back for Ctrl-Z, and takes it again at fg", async () => {
  await watchdog(
    WATCHDOG_MS,
    noLeaks(async () => {
      const shell = command("bash", ["--norc", "--noprofile", "-i"], { env: { PS1: "prompt> " } });
      await using pty = spawnPty(shell, { columns: 1000 });
      await pty.waitFor("prompt> ");
      const line = commandLine(["top", ...SOON, String(Deno.pid)]).map((word) => `'${word}'`).join(" ");
      await pty.send(`${line}\n`);
      await pty.waitFor("PROGRAM");
      await pty.send("\x1a");
      await pty.waitFor("Stopped");
      await pty.waitFor("prompt> ");
      // The terminal shows again what is typed.
      await pty.send("echo seen $((1+1))\n");
      await pty.waitFor("seen 2");
      await pty.send("fg\n");
      await pty.waitFor("PROGRAM");
      await pty.send("q");
      await pty.waitFor("prompt> ");
      await pty.send("echo code $?\n");
      await pty.waitFor(/code 0\r\n/);
    }),
  );
});

Deno.test("causeway top in a pipeline prints table after table, and ends quietly when nobody reads", async () => {
  const line = commandLine(["top", ...SOON, String(Deno.pid)]).map((word) => `'${word}'`).join(" ");
  const child = new Deno.Command("bash", {
    args: ["-c", `${line} | grep --line-buffered PID | head -n 2; exit \${PIPESTATUS[0]}`],
    stdout: "piped",
    stderr: "piped",
  });
  const { code, stdout, stderr } = await watchdog(WATCHDOG_MS, child.output());
  assertEquals(new TextDecoder().decode(stdout).split("\n").length, 3);
  assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
});

const WRONG: [args: string[], code: number, message: RegExp][] = [
  [["x"], 2, /takes pids, or one address as fifo:\/path.*got "x"/],
  [["tcp:localhost:1"], 2, /takes pids, or one address/],
  [["fifo:/a", "fifo:/b"], 2, /takes pids, or one address/],
  [["--interval", "0"], 2, /--interval must be in 0\.05s\.\.1d, got "0"/],
  [["--interval", "fast"], 2, /--interval must be/],
  [["--once", "4194305"], 1, /top: there is no process 4194305/],
];

for (const [args, code, message] of WRONG) {
  Deno.test(`causeway top ${args.join(" ")} exits ${code} and says why`, async () => {
    const outcome = await causeway(["top", ...args]);
    assertEquals([outcome.code, outcome.stdout], [code, ""]);
    assertMatch(outcome.stderr, message);
  });
}

Deno.test("causeway top says which flag it needs", async () => {
  const { code, stderr } = await causeway(["top", "--once"], { flags: ["--allow-read"] });
  assertEquals(code, 1);
  assertStringIncludes(stderr, "--allow-ffi");
});

Deno.test("the table of top keeps hostile names in their lines", () => {
  const process = { pid: 7, parent: 1, program: "a\x1b[2J\nb", command: [], outside: false };
  const thread = { pid: 7, tid: 7, program: process.program };
  const wait = {
    ...thread,
    kind: "read",
    what: "/tmp/\u202ex\ny",
    object: "x",
    wakers: [thread],
    needs: "any",
    asynchronous: false,
  } as const;
  const rates: Rates = {
    intervalMs: 1000,
    processes: [{ process, cpuPercent: 12.34, io: undefined, waits: [] }],
    channels: [{
      channel: {
        id: "fifo:1",
        kind: "fifo",
        name: wait.what,
        ends: [{ pid: 7, role: "both", descriptors: [3] }, { pid: 8, role: "reads", descriptors: [3] }],
        queued: 123_456,
        capacity: undefined,
        unit: "bytes",
        passed: undefined,
        sent: undefined,
        dropped: undefined,
        lastUse: undefined,
      },
      bytes: { perSecond: 5e6, certainty: "at most" },
      messages: { perSecond: 1.25, certainty: "exact" },
      drops: 0,
    }],
    deadlocks: [{ circle: [wait], victims: [{ ...wait, pid: 9 }], certainty: "likely" }],
    hidden: ["x\ny"],
  };
  assertEquals(page(rates, (_role, text) => text).split("\n").map((line) => line.replace(/ +/g, " ")), [
    "DEADLOCK? a\\u{1b}[2J\\u{a}b 7 waits for itself (to read /tmp/\\u{202e}x\\u{a}y); behind them a\\u{1b}[2J\\u{a}b 9",
    "PID CPU % READ/s WRITTEN/s PROGRAM WAITS FOR",
    " 7 12.3 - - a\\u{1b}[2J\\u{a}b",
    "",
    "WAITING OF BYTES/s MSGS/s DROPS/s KIND NAME WHO",
    " 121K - ≤4883K 1.3 0 fifo /tmp/\\u{202e}x\\u{a}y a\\u{1b}[2J\\u{a}b 7 → 8, a\\u{1b}[2J\\u{a}b 7",
    "Not seen: x\\u{a}y",
    "",
  ]);
  assertEquals(deadlockText({ circle: [wait, { ...wait, pid: 8, kind: "write" }], victims: [] }).split("; ").length, 2);
});

/** What graph_deadlock.py makes. */
interface Made extends AsyncDisposable {
  parent: number;
  pids: number[];
}

async function deadlock(kind: string): Promise<Made> {
  const directory = await Deno.makeTempDir();
  const child = new Deno.Command("python3", {
    args: [fixture("graph_deadlock.py"), kind, directory],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream()).getReader();
  const pids = JSON.parse((await lines.read()).value ?? "");
  await lines.cancel();
  return {
    parent: child.pid,
    pids,
    async [Symbol.asyncDispose]() {
      await child.stdin.close();
      await child.status;
      await Deno.remove(directory, { recursive: true });
    },
  };
}
