// Needs: perl, python3
import { assert, assertEquals, assertInstanceOf, assertMatch, assertRejects } from "@std/assert";
import { fromFileUrl } from "@std/path";
import {
  ClosedError,
  command,
  ServiceFailedError,
  type ServiceSpecs,
  supervise,
  type SuperviseOptions,
  type SupervisorEvent,
} from "../../mod.ts";
import { subscribe } from "../../lib/sys/probe.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { eventually, until, withEnoughTime } from "../helpers/patience.ts";
import { isThere } from "../helpers/processes.ts";
import { watchdog } from "../helpers/watchdog.ts";

const LIMIT = 30_000;
const fixture = (name: string) => fromFileUrl(new URL(`../fixtures/${name}`, import.meta.url));
const sh = (script: string) => command("sh", ["-c", script]);
/** A service that prints a line and runs until it is ended. */
const serve = (line = "up") => sh(`echo ${line}; exec sleep 1000`);
const UP = { line: "up" } as const;

/** Runs services, and keeps what happened, shortly. */
async function supervised<const Name extends string>(
  specs: ServiceSpecs<Name>,
  options: SuperviseOptions = {},
) {
  const events: SupervisorEvent[] = [];
  const waiting = new Set<() => void>();
  const s = await supervise(specs, {
    ...options,
    onEvent(event) {
      events.push(event);
      for (const look of [...waiting]) look();
      return options.onEvent?.(event);
    },
  });
  /** Waits until so many events are of a kind. */
  const seen = (text: string, times = 1) =>
    watchdog(
      LIMIT,
      new Promise<void>((resolve) => {
        const look = () => {
          if (events.filter((event) => short(event) === text).length < times) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
    );
  return { s, events, seen, log: () => events.map(short) };
}

function short(event: SupervisorEvent): string {
  const what = event.kind.replace(/^\w+\./, "");
  if (event.kind === "service.line") return `${event.name}: ${event.text}`;
  return "name" in event ? `${event.name} ${what}` : what;
}

const only = (log: string[], ...kinds: string[]) =>
  log.filter((text) => kinds.some((kind) => text.endsWith(` ${kind}`)));

Deno.test("supervise: needs come first, are stopped last, and independent services start together", async () => {
  await noLeaks(() =>
    watchdog(LIMIT, async () => {
      const { s, log } = await supervised({
        web: { command: serve(), needs: ["db", "cache"], ready: UP },
        db: { command: serve(), ready: UP },
        cache: { command: serve(), ready: UP },
        log: { command: serve(), needs: ["web"], ready: UP },
      });
      // Both start before either is ready: both events were told before supervise() returned.
      assertEquals(log(), ["db start", "cache start"]);
      await s.ready;
      const ready = only(log(), "ready");
      assertEquals(ready.slice(0, 2).sort(), ["cache ready", "db ready"]);
      assertEquals(ready.slice(2), ["web ready", "log ready"]);
      assertEquals(s.status.map(({ name, state, restarts }) => [name, state, restarts]), [
        ["web", "ready", 0],
        ["db", "ready", 0],
        ["cache", "ready", 0],
        ["log", "ready", 0],
      ]);
      const pids = s.status.map(({ pid }) => pid!);
      await s.close();
      await s.close();
      const exits = only(log(), "exit");
      assertEquals(exits.slice(0, 2), ["log exit", "web exit"]);
      assertEquals(exits.slice(2).sort(), ["cache exit", "db exit"]);
      assertEquals(pids.filter(isThere), []);
      assertEquals((await s.finished).reason, "stopped");
      await assertRejects(() => s.start("web"), ClosedError);
    })
  );
});

Deno.test("supervise throws TypeError for what makes no sense, before anything starts", async () => {
  const file = await Deno.makeTempFile();
  const trace = sh(`echo started >> ${file}`);
  const cases: [ServiceSpecs, RegExp][] = [
    [{}, /at least one service/],
    [
      { a: { command: trace, needs: ["b"] }, b: { command: trace, needs: ["c"] }, c: { command: trace, needs: ["b"] } },
      /cycle: "b" → "c" → "b"/,
    ],
    [{ a: { command: trace, needs: ["a"] } }, /cycle: "a" → "a"/],
    [{ a: { command: trace, needs: ["nobody"] } }, /"a" needs "nobody", which does not exist: there are "a"/],
    [{ "a b": { command: trace } }, /must not be empty or hold blanks/],
    [{ a: { command: trace, restart: "sometimes" as "never" } }, /"a": restart must be "never"/],
    [{ a: { command: trace, ready: { line: "" } } }, /"a": ready.line must be/],
    [{ a: { command: trace, ready: { socket: 70_000 } } }, /"a": ready.socket must be/],
    [{ a: { command: "ls" as unknown as typeof trace } }, /"a": command must be/],
  ];
  for (const [specs, message] of cases) {
    const error = await assertRejects(() => supervise(specs), TypeError);
    assertMatch(error.message, message);
  }
  for (const numbers of [{ graceMs: -1 }, { restart: { maxStarts: 0 } }, { ready: { descriptor: 2 } }]) {
    await assertRejects(() => supervise({ a: { command: trace, ...numbers } }), RangeError);
  }
  assertEquals(await Deno.readTextFile(file), "");
  await Deno.remove(file);
});

Deno.test("supervise: ready by a text, an expression, a stream, a descriptor", async () => {
  await noLeaks(() =>
    watchdog(LIMIT, async () => {
      const { s, log } = await supervised({
        text: { command: sh("echo no; echo it is up now >&2; exec sleep 1000"), ready: { line: "is up" } },
        expression: { command: sh("printf 'port 80\\nrest'; exec sleep 1000"), ready: { line: /^port \d+$/g } },
        stream: { command: sh("echo up; echo up >&2; exec sleep 1000"), ready: { line: "up", stream: "stderr" } },
        descriptor: {
          command: command("python3", [fixture("supervisor_ready_descriptor.py"), "7"]),
          ready: { descriptor: 7 },
        },
      });
      await s.ready;
      assertEquals(only(log(), "ready").length, 4);
      await s.close();
      // A last line without an end is a line.
      assert(log().includes("expression: rest"));
    })
  );
});

Deno.test("supervise: ready when a path or a port accepts, not before", async () => {
  const directory = await Deno.makeTempDir();
  using spare = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = spare.addr as Deno.NetAddr;
  spare.close();
  for (const [index, where] of [`${directory}/socket`, port].entries()) {
    const gate = `${directory}/gate${index}`;
    await command("mkfifo", [gate]).output();
    const { s, log } = await supervised({
      server: {
        command: command("python3", [fixture("supervisor_listen.py"), String(where), gate]),
        ready: { socket: where },
      },
    });
    // It waits in open(2) until this opens the other end.
    const file = await watchdog(LIMIT, Deno.open(gate, { write: true }));
    assertEquals(log(), ["server start"]);
    file.close();
    await watchdog(LIMIT, s.ready);
    await s.close();
    assertEquals(only(log(), "ready"), ["server ready"]);
  }
  await Deno.remove(directory, { recursive: true });
});

Deno.test("supervise: ready when a command succeeds", async () => {
  const file = await Deno.makeTempFile();
  const { s, log } = await supervised({
    server: {
      command: sh(`echo yes > ${file}; exec sleep 1000`),
      ready: { command: command("grep", ["-q", "yes", file]), everyMs: 5 },
    },
  });
  await watchdog(LIMIT, s.ready);
  await s.close();
  assertEquals(only(log(), "ready"), ["server ready"]);
  await Deno.remove(file);
});

Deno.test("supervise: what is not ready in time, or gives up its descriptor, has failed", async () => {
  await noLeaks(() =>
    watchdog(LIMIT, async () => {
      for (
        const [spec, message] of [
          [{ command: serve("down"), ready: { line: "up", timeoutMs: 50 } }, /"a" was not ready after 50 ms/],
          [
            {
              command: command("python3", [fixture("supervisor_ready_descriptor.py"), "3", "close"]),
              ready: { descriptor: 3 },
            },
            /"a" closed descriptor 3 without a newline/,
          ],
        ] as const
      ) {
        const { s, log } = await supervised({ a: { ...spec, restart: "never" } });
        const error = await assertRejects(() => s.ready, ServiceFailedError);
        assertMatch(error.message, message);
        assertEquals((await s.finished).error, error);
        assert(!log().includes("a ready"));
      }
    })
  );
});

Deno.test("supervise: a question that cannot be asked is no reason to start again", async () => {
  const missing = command("causeway-no-such-program");
  for (const spec of [{ ready: { command: missing } }, { health: { check: missing, everyMs: 1 } }]) {
    const { s, log } = await supervised({ a: { command: serve(), restart: "always", ...spec } });
    const { error } = await watchdog(LIMIT, s.finished);
    assertMatch(error?.message ?? "", /causeway-no-such-program/);
    assertEquals(only(log(), "start").length, 1);
  }
});

Deno.test("supervise: a stopped service is given its time for readiness again", async () => {
  // The time has to be enough for the shell to stop itself.
  await withEnoughTime(100, async (timeoutMs) => {
    const { s, events } = await supervised({
      slow: {
        command: sh("kill -STOP $$; echo up; exec sleep 1000"),
        ready: { line: "up", timeoutMs },
        restart: "never",
      },
    });
    s.ready.catch(() => {});
    // Several times longer than its time: it must still be there.
    await new Promise((resolve) => setTimeout(resolve, 5 * timeoutMs));
    const [{ pid, state } = { pid: undefined, state: undefined }] = s.status;
    assertEquals(state, "starting");
    Deno.kill(pid!, "SIGCONT");
    await watchdog(LIMIT, s.ready);
    assertEquals(events.filter(({ kind }) => kind === "service.stopping"), []);
    await s.close();
  });
});

Deno.test("supervise: restart never, on-failure and always", async () => {
  await watchdog(LIMIT, async () => {
    const quick = { delayMs: 1, maxStarts: 3, withinMs: 60_000 };
    for (
      const [when, code, starts, state] of [
        ["never", 0, 1, "exited"],
        ["never", 1, 1, "failed"],
        ["on-failure", 0, 1, "exited"],
        ["on-failure", 1, 3, "failed"],
        ["always", 0, 3, "failed"],
        ["always", 1, 3, "failed"],
      ] as const
    ) {
      const { s, log } = await supervised({ a: { command: sh(`exit ${code}`), restart: { when, ...quick } } });
      const result = await s.finished;
      assertEquals([when, code, only(log(), "start").length, result.services[0]!.state], [when, code, starts, state]);
      assertEquals(result.reason, state);
      assertEquals(result.services[0]!.status, { kind: "exited", code });
    }
  });
});

Deno.test("supervise: the storm guard counts the starts, and its error tells the last words", async () => {
  const file = await Deno.makeTempFile();
  const script = `echo x >> ${file}; for n in 1 2 3 4 5 6 7 8 9 10 11 12; do echo "line $n" >&2; done; exit 7`;
  const { s, log } = await supervised({
    storm: { command: sh(script), restart: { delayMs: 1, maxStarts: 4, withinMs: 60_000 } },
  });
  const { error } = await watchdog(LIMIT, s.finished);
  assertInstanceOf(error, ServiceFailedError);
  assertEquals(await Deno.readTextFile(file), "x\n".repeat(4));
  assertEquals(only(log(), "restart").length, 4);
  assertMatch(
    error.message,
    /^Service "storm" was started 4 times within 60000 ms, which is too often; at last it exited with code 7\n {2}\| line 3\n/,
  );
  assertEquals(error.stderrLines.at(-1), "line 12");
  assertEquals(error.status, { kind: "exited", code: 7 });
  await Deno.remove(file);
});

Deno.test("supervise: delays grow, and begin anew when it has run well", async () => {
  const delays = async (resetAfterMs: number) => {
    const restart = { delayMs: 8, factor: 2, jitter: 0, resetAfterMs, maxStarts: 4, withinMs: 60_000 };
    const { s, events } = await supervised({ a: { command: sh("exit 1"), restart } });
    await watchdog(LIMIT, s.finished);
    return events.flatMap((event) => event.kind === "service.restart" ? [event.delayMs] : []);
  };
  assertEquals(await delays(60_000), [8, 16, 32, 64]);
  assertEquals(await delays(0), [8, 8, 8, 8]);
});

Deno.test("supervise: a failure for good stops the others in order, or keeps them", async () => {
  await watchdog(LIMIT, async () => {
    for (const whenFailed of ["stop", "keep"] as const) {
      const { s, log, seen } = await supervised({
        db: { command: serve(), ready: UP },
        web: { command: serve(), needs: ["db"], ready: UP },
        bad: { command: sh("exit 5"), needs: ["web"], restart: "never", ready: UP },
        later: { command: serve(), needs: ["bad"], ready: { line: "never" } },
      }, { whenFailed });
      await seen("bad failed");
      if (whenFailed === "stop") {
        const { reason, error } = await s.finished;
        assertEquals([reason, error?.service], ["failed", "bad"]);
        assertEquals(only(log(), "exit"), ["bad exit", "web exit", "db exit"]);
        continue;
      }
      if (s.status[3]!.state === "waiting") await seen("later failed");
      assertEquals(s.status.map(({ state }) => state).slice(0, 3), ["ready", "ready", "failed"]);
      await s.close();
      const { reason, error } = await s.finished;
      assertEquals([reason, error?.service], ["failed", "bad"]);
    }
  });
});

Deno.test("supervise: what needs a service that has failed fails with it", async () => {
  const { s } = await supervised({
    db: { command: command("causeway-no-such-program"), restart: "always", ready: UP },
    web: { command: serve(), needs: ["db"] },
    other: { command: serve() },
  }, { whenFailed: "keep" });
  const error = await assertRejects(() => s.ready, ServiceFailedError);
  assertMatch(error.message, /^Service "db" could not be started: .*causeway-no-such-program/);
  await watchdog(LIMIT, async () => {
    while (s.status[1]!.state === "waiting") await new Promise((resolve) => setTimeout(resolve, 1));
  });
  assertEquals(s.status.map(({ state }) => state), ["failed", "failed", "ready"]);
  assertMatch(s.status[1]!.error?.message ?? "", /"web" needs "db", which has failed/);
  await s.close();
});

Deno.test("supervise: a stubborn service gets SIGKILL after its grace, with all that it started", async () => {
  await noLeaks(() =>
    watchdog(LIMIT, async () => {
      const { s, events, log } = await supervised({
        stubborn: { command: sh("trap '' TERM; sleep 1000 & echo up $!; wait; wait; wait"), graceMs: 50, ready: UP },
      });
      await s.ready;
      const grandchild = Number(log().find((text) => text.includes(": up "))!.split(" ").at(-1));
      assert(isThere(grandchild));
      await s.close();
      // Dying of SIGKILL takes its time, too.
      await until(() => !isThere(grandchild));
      const exit = events.find(({ kind }) => kind === "service.exit");
      assert(exit?.kind === "service.exit" && exit.forced && exit.stopped);
      assertEquals(exit.status, { kind: "signaled", signal: "SIGKILL", number: 9 });
    })
  );
});

Deno.test("supervise: what a service leaves in its group is ended before the next start", async () => {
  const { s, log } = await supervised({
    a: { command: sh("sleep 1000 & echo left $!; exit 1"), restart: { delayMs: 1, maxStarts: 2, withinMs: 60_000 } },
  });
  await watchdog(LIMIT, s.finished);
  const left = log().filter((text) => text.startsWith("a: left")).map((text) => Number(text.split(" ").at(-1)));
  await eventually(() => assertEquals([left.length, left.filter(isThere)], [2, []]));
});

Deno.test("supervise: so many failed health checks in a row restart a service", async () => {
  await noLeaks(() =>
    watchdog(LIMIT, async () => {
      let ill = false;
      const { s, events, seen } = await supervised({
        a: {
          command: serve(),
          ready: UP,
          restart: { delayMs: 1 },
          health: {
            everyMs: 1,
            failures: 3,
            check() {
              if (ill) throw new Error("it is ill");
            },
          },
        },
      });
      await s.ready;
      const before = s.status[0]!.pid!;
      ill = true;
      await seen("a exit");
      ill = false;
      await seen("a ready", 2);
      assertEquals(isThere(before), false);
      const failures = events.flatMap((event) =>
        event.kind === "service.unhealthy" ? [`${event.failures} ${event.reason}`] : []
      );
      assertEquals(failures.slice(-3), ["1 it is ill", "2 it is ill", "3 it is ill"]);
      const stopping = events.find(({ kind }) => kind === "service.stopping");
      assert(stopping?.kind === "service.stopping" && stopping.because === "unhealthy");
      await s.close();
    })
  );
});

Deno.test("supervise: a health check by a command that fails, and one that is late", async () => {
  await watchdog(LIMIT, async () => {
    for (
      const [check, reason] of [
        [sh("echo broken >&2; exit 1"), /exited with code 1[^]*\| broken/],
        [sh("exec sleep 1000"), /after the time limit of 100 ms/],
        [() => new Promise(() => {}), /no answer within 100 ms/],
        [() => false, /returned false/],
      ] as const
    ) {
      // Who answers has all the time that it needs.
      const health = { check, everyMs: 1, failures: 1, ...(String(reason).includes("100 ms") && { timeoutMs: 100 }) };
      const { s } = await supervised({ a: { command: serve(), health, restart: "never" } });
      const { error } = await s.finished;
      assertMatch(error?.message ?? "", /^Service "a" was not well: /);
      assertMatch(error?.message ?? "", reason);
    }
  });
});

Deno.test("supervise: a stopped service is not taken for ill", async () => {
  const asked = Promise.withResolvers<void>();
  let times = 0;
  let stopped = false;
  const { s, events } = await supervised({
    a: {
      command: serve(),
      ready: UP,
      restart: "never",
      health: {
        everyMs: 1,
        failures: 1,
        check() {
          if (!stopped) return true;
          if (++times === 20) asked.resolve();
          return false;
        },
      },
    },
  });
  await watchdog(LIMIT, s.ready);
  const pid = s.status[0]!.pid!;
  Deno.kill(pid, "SIGSTOP");
  while (!/^State:\s+T/m.test(await Deno.readTextFile(`/proc/${pid}/status`)));
  stopped = true;
  await watchdog(LIMIT, asked.promise);
  assertEquals(s.status[0]!.state, "ready");
  assertEquals(events.filter(({ kind }) => kind === "service.unhealthy"), []);
  // Stopping it lets it go on, so that it can obey.
  await watchdog(LIMIT, s.close());
  const exit = events.find(({ kind }) => kind === "service.exit");
  assert(exit?.kind === "service.exit" && !exit.forced);
});

Deno.test("Supervisor.stop, start and restart by name; dependents run on or go along", async () => {
  await noLeaks(() =>
    watchdog(LIMIT, async () => {
      const { s, log } = await supervised({
        db: { command: serve(), ready: UP },
        keeps: { command: serve(), needs: ["db"], ready: UP },
        follows: { command: serve(), needs: ["db"], ready: UP, whenNeedsRestart: "restart" },
      });
      await s.ready;
      const states = () => s.status.map(({ state }) => state);
      await s.stop("db");
      assertEquals(states(), ["stopped", "ready", "waiting"]);
      assertEquals(only(log(), "exit"), ["follows exit", "db exit"]);
      await s.start("follows");
      assertEquals(states(), ["ready", "ready", "ready"]);
      const before = s.status.map(({ pid }) => pid);
      await s.restart("db");
      await s.start("follows");
      const after = s.status.map(({ pid }) => pid);
      assertEquals(before.map((pid, index) => pid === after[index]), [false, true, false]);
      assertEquals(s.status.map(({ restarts }) => restarts), [1, 0, 2]);
      await assertRejects(() => s.stop("nobody" as "db"), TypeError, "There is no service");
      await s.close();
    })
  );
});

Deno.test("supervise: a crash takes those along that want to be restarted with it", async () => {
  await watchdog(LIMIT, async () => {
    const { s, seen } = await supervised({
      db: { command: serve(), ready: UP, restart: { delayMs: 1 } },
      follows: { command: serve(), needs: ["db"], ready: UP, whenNeedsRestart: "restart" },
    });
    await s.ready;
    const before = s.status.map(({ pid }) => pid!);
    Deno.kill(before[0]!, "SIGKILL");
    await seen("db ready", 2);
    await seen("follows ready", 2);
    assertEquals(before.filter(isThere), []);
    await s.close();
  });
});

Deno.test("supervise({ only }) starts what was named and what it needs; the rest by name", async () => {
  await watchdog(LIMIT, async () => {
    const { s } = await supervised({
      db: { command: serve(), ready: UP },
      web: { command: serve(), needs: ["db"], ready: UP },
      extra: { command: serve(), ready: UP },
    }, { only: ["web"] });
    await s.ready;
    assertEquals(s.status.map(({ state }) => state), ["ready", "ready", "stopped"]);
    await s.start("extra");
    assertEquals(s.status[2]!.state, "ready");
    await s.close();
    await assertRejects(() => supervise({ db: { command: serve() } }, { only: ["dd"] }), TypeError, '"dd"');
  });
});

Deno.test("Supervisor.kill ends stubborn services at once", async () => {
  await watchdog(LIMIT, async () => {
    const { s, seen } = await supervised({
      a: { command: sh("trap '' TERM; echo up; while :; do sleep 1000 & wait; done"), ready: UP, graceMs: 1_000_000 },
      b: { command: serve(), needs: ["a"], ready: UP },
    });
    await s.ready;
    void s.close();
    await seen("a stopping");
    s.kill();
    const { services } = await s.finished;
    assertEquals(services[0]!.status, { kind: "signaled", signal: "SIGKILL", number: 9 });
  });
});

Deno.test("supervise: an abort stops all, and is told", async () => {
  await watchdog(LIMIT, async () => {
    const controller = new AbortController();
    const { s, log } = await supervised({ a: { command: serve(), ready: UP } }, { signal: controller.signal });
    await s.ready;
    controller.abort();
    assertEquals((await s.finished).reason, "stopped");
    assert(log().includes("stopping"));
  });
});

Deno.test("supervise: a listener that throws stops all, and finished rejects", async () => {
  await watchdog(LIMIT, async () => {
    const s = await supervise({ a: { command: serve(), ready: UP } }, {
      onEvent(event) {
        if (event.kind === "service.ready") throw new Error("no more");
      },
    });
    await assertRejects(() => s.finished, Error, "no more");
  });
});

Deno.test("supervise: a listener that is slow holds up the service, and nothing is lost", async () => {
  await watchdog(LIMIT, async () => {
    let count = 0;
    let last = "";
    const { s } = await supervised({ a: { command: command("seq", ["1", "20000"]) } }, {
      onEvent(event) {
        if (event.kind !== "service.line") return;
        count++;
        last = event.text;
        return Promise.resolve();
      },
    });
    await s.finished;
    assertEquals([count, last], [20_000, "20000"]);
  });
});

Deno.test("supervise publishes what happens, lines excepted", async () => {
  const kinds: string[] = [];
  const unsubscribe = subscribe((event) => {
    if (/^(service|supervisor)\./.test(event.kind)) kinds.push(event.kind);
  });
  const s = await supervise({ a: { command: sh("echo up; exit 0") } });
  await watchdog(LIMIT, s.finished);
  unsubscribe();
  assertEquals(kinds, ["service.start", "service.ready", "supervisor.ready", "service.exit"]);
});

Deno.test("supervise: no service and no grandchild survives SIGKILL", async () => {
  const child = command(Deno.execPath(), ["run", "-A", fixture("supervisor_killed.ts")], { stdout: "piped" }).spawn();
  const reader = child.stdout.getReader();
  const { value } = await watchdog(LIMIT, reader.read());
  reader.releaseLock();
  const pids = new TextDecoder().decode(value).trim().split(" ").map(Number);
  assertEquals([pids.length, pids.filter(isThere).length], [2, 2]);
  child.kill("SIGKILL");
  await child.status;
  await until(() => !pids.some(isThere));
  await child.release();
});

Deno.test("supervise: without --allow-ffi it works, and says what is missing", async () => {
  const script = `
    import { command, supervise } from ${JSON.stringify(new URL("../../mod.ts", import.meta.url).href)};
    const log = [];
    const s = await supervise({
      db: { command: command("sh", ["-c", "echo up; exec sleep 1000"]), ready: { line: "up" } },
      web: { command: command("sh", ["-c", "echo up; exec sleep 1000"]), ready: { line: "up" }, needs: ["db"] },
    }, { onEvent: (event) => { if (event.kind !== "service.line") log.push(event.kind + " " + (event.name ?? "")); } });
    await s.ready;
    await s.close();
    console.log(log.join("\\n"));
  `;
  const lines = await watchdog(
    LIMIT,
    Array.fromAsync(
      command(Deno.execPath(), ["run", "--no-prompt", "--allow-run", "--ext=ts", "-"], { stdin: { text: script } })
        .lines(),
    ),
  );
  assertEquals(lines.map((line) => line.trim()), [
    "supervisor.unprotected",
    "service.start db",
    "service.ready db",
    "service.start web",
    "service.ready web",
    "supervisor.ready",
    "supervisor.stopping",
    "service.stopping web",
    "service.exit web",
    "service.stopping db",
    "service.exit db",
  ]);
});
