// Needs: gcc, root
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { kill, queueSignal, realtime, type Signal, signalNumber, signals } from "../../lib/signal/mod.ts";
import { check } from "../../lib/sys/errno.ts";
import { libc } from "../../lib/sys/libc.ts";
import { SIG } from "../../lib/sys/linux.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { outputOf, Peer, reaped } from "./peer.ts";

const TIERS = [["--allow-run", "--allow-ffi"], ["--allow-run"]];
const ROOT = fromFileUrl(new URL("../fixtures/", import.meta.url));

function deno(flags: readonly string[], name: string, ...args: string[]): string[] {
  return [Deno.execPath(), "run", "--quiet", "--no-prompt", ...flags, ROOT + name, ...args];
}

for (const flags of TIERS) {
  for (const way of ["break", "return", "throw", "abort", "close", "dispose", "twice"]) {
    for (const signal of ["SIGTERM", "SIGUSR2", realtime(1)] as const) {
      if (signal === realtime(1) && flags.length === 1) continue;
      Deno.test(`after ${way} with [${flags}] the default action of ${signal} is back`, async () => {
        await using process = reaped(...deno(flags, "signal_stop_listening.ts", way, signal));
        const lines = [await process.line(), await process.line(), await process.line()];
        const pid = Number(lines.find((line) => /^\d+$/.test(line ?? "")));
        assertEquals(lines.filter((line) => line !== String(pid)), ["listening", "stopped"]);
        kill(pid, signal);
        assertEquals(await watchdog(30_000, process.line()), String(128 + signalNumber(signal)));
      });
    }
  }

  Deno.test(`a SIGPIPE listener that has come and gone with [${flags}] leaves EPIPE harmless`, async () => {
    assertEquals(await outputOf("signal_sigpipe.ts", flags), "SIGPIPE\nSIGPIPE\nBrokenPipe\nalive 0\n");
  });
}

Deno.test("the disposition is put back as it was, bit by bit", () => {
  for (const signal of ["SIGUSR2", "SIGPIPE", "SIGCHLD", "SIGQUIT", realtime(7)] as const) {
    const before = actionOf(signal);
    {
      using first = signals([signal]);
      using second = signals([signal]);
      assertNotEquals(actionOf(signal), before);
      assertEquals([first.closed, second.closed], [false, false]);
    }
    assertEquals(actionOf(signal), before, signal);
  }
});

Deno.test("the last of several listeners puts it back, not the first", () => {
  const before = actionOf("SIGUSR2");
  const first = signals(["SIGUSR2"]);
  const second = signals(["SIGUSR2"]);
  const during = actionOf("SIGUSR2");
  first.close();
  assertEquals(actionOf("SIGUSR2"), during);
  second.close();
  assertEquals(actionOf("SIGUSR2"), before);
});

Deno.test("a signal that this process was started to ignore is ignored again", async () => {
  await using process = new Peer("sh", ["-c", 'trap "" HUP; exec "$@"', "sh", ...deno(["-A"], "signal_nohup.ts")]);
  await process.expect("before: SIGHUP");
  await process.expect("SIGHUP");
  await process.expect("after: SIGHUP");
  assertEquals(await process.ended, { code: 0 });
});

Deno.test("a blocked signal is received while somebody listens, and blocked again afterwards", async () => {
  const set = new BigUint64Array(16);
  const before = new BigUint64Array(16);
  const bit = 1n << BigInt(signalNumber(realtime(6)) - 1);
  set[0] = bit;
  libc().pthread_sigmask(SIG.BLOCK, set, null);
  try {
    {
      using listener = signals([realtime(6)]);
      queueSignal(Deno.pid, realtime(6), 3);
      const event = await watchdog(30_000, listener.receive());
      assertEquals(event.cause === "queue" && event.value, 3);
    }
    libc().pthread_sigmask(SIG.BLOCK, null, before);
    assertEquals(before[0]! & bit, bit);
  } finally {
    libc().pthread_sigmask(SIG.UNBLOCK, set, null);
  }
});

const BESIDE_DENO: Record<string, Record<string, string>> = {
  // What would end the process is not passed on: Deno's thread might do so when our listener is gone.
  SIGTERM: {
    "deno-first": "ours 1, Deno 0\nours 0, Deno 1\ndone\n",
    "deno-second": "ours 1, Deno 0\nours 0, Deno 1\ndone\n",
    reopened: "ours 0, Deno 1\nours 1, Deno 0\nours 1, Deno 0\ndone\n",
  },
  SIGUSR2: {
    "deno-first": "ours 1, Deno 0\nours 0, Deno 1\ndone\n",
    "deno-second": "ours 1, Deno 1\nours 0, Deno 1\ndone\n",
    reopened: "ours 0, Deno 1\nours 1, Deno 0\nours 1, Deno 0\ndone\n",
  },
  SIGWINCH: {
    "deno-first": "ours 1, Deno 1\nours 0, Deno 1\ndone\n",
    "deno-second": "ours 1, Deno 1\nours 0, Deno 1\ndone\n",
    reopened: "ours 0, Deno 1\nours 1, Deno 1\nours 1, Deno 1\ndone\n",
  },
};
for (const [signal, scenarios] of Object.entries(BESIDE_DENO)) {
  const alone = "ours 1, Deno 0\nours 1, Deno 0\ndone\n";
  const all = { ...scenarios, "deno-elsewhere": alone, "deno-left": alone, "closed-at-once": "done\n" };
  for (const [scenario, expected] of Object.entries(all)) {
    Deno.test(`a listener to ${signal} beside Deno's: ${scenario}`, async () => {
      assertEquals(await watchdog(30_000, outputOf("signal_beside_deno.ts", TIERS[0]!, [scenario, signal])), expected);
    });
  }
}

Deno.test("SIGUSR1 does not open Deno's inspector while somebody listens", async () => {
  await using process = new Peer("sh", [
    "-c",
    'exec "$@" 2>&1',
    "sh",
    ...deno(["--allow-ffi"], "signal_print_events.ts", "SIGUSR1"),
  ]);
  await process.expect("ready");
  // Deno comes to listen to SIGUSR1 half a second after the start. Nothing shows it from outside, so here we can only wait.
  await new Promise((resolve) => setTimeout(resolve, 700));
  kill(process.pid, "SIGUSR1");
  assertEquals(JSON.parse((await process.line())!).signal, "SIGUSR1");
  kill(process.pid, "SIGTERM");
  await process.expect('{"dropped":0}');
  assertEquals(await process.line(), null);
});

const OTHER_USER = ["--reuid", "64323", "--clear-groups"];
const isReadable =
  (await new Deno.Command("setpriv", { args: [...OTHER_USER, "test", "-r", ROOT + "signal_small_pipe.ts"] }).output())
    .success;
Deno.test({
  name: "a pipe that cannot be made larger is used as it is, and capacity tells",
  // Another user has to be able to read this repository.
  ignore: !isReadable,
  async fn() {
    const cache = await Deno.makeTempDir();
    await Deno.chmod(cache, 0o777);
    const { success, stdout, stderr } = await new Deno.Command("setpriv", {
      args: [
        ...OTHER_USER,
        "env",
        `DENO_DIR=${cache}`,
        ...deno(["--allow-ffi", "--allow-run"], "signal_small_pipe.ts"),
      ],
    }).output();
    await Deno.remove(cache, { recursive: true });
    assert(success, new TextDecoder().decode(stderr));
    assertEquals(new TextDecoder().decode(stdout), "64 5\n");
  },
});

/** Handler, mask and flags. (glibc adds a restorer of its own, and its flag.) */
function actionOf(signal: Signal): unknown[] {
  const found = new DataView(new ArrayBuffer(SIG.sigaction.byteLength));
  check(libc().sigaction(signalNumber(signal), null, found), "sigaction");
  const { handler, mask, flags } = SIG.sigaction;
  const SA_RESTORER = 0x04000000;
  return [
    found.getBigUint64(handler, true),
    found.getBigUint64(mask, true),
    found.getUint32(flags, true) & ~SA_RESTORER,
  ];
}
