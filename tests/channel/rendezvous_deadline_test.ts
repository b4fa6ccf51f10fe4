/** A connector's deadline and abort hold whatever the listener does. */
import { assertEquals, assertRejects } from "@std/assert";
import { meetingPath } from "../../lib/channel/rendezvous_path.ts";
import { channel, connectUnix, latest, listenUnix, topic } from "../../mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";

let names = 0;

/** A name that no other test has. */
function name(): string {
  return `meet-deadline-${Deno.pid}-${++names}`;
}

const OPEN = {
  channel: (at: string, options: { timeoutMs?: number; signal?: AbortSignal }) => channel(`shm:${at}`, options),
  latest: (at: string, options: { timeoutMs?: number; signal?: AbortSignal }) => latest(`shm:${at}`, options),
  topic: (at: string, options: { timeoutMs?: number; signal?: AbortSignal }) => topic(`shm:${at}`, options),
};

Deno.test("a listener that is stopped and whose queue is full does not stop a connector's deadline", async () => {
  await noLeaks(async () => {
    const at = name();
    using _stopped = await listenUnix(meetingPath(at), { type: "seqpacket", backlog: 1 });
    const queued: Disposable[] = [];
    const fill = async () => {
      while (true) queued.push(await connectUnix(meetingPath(at), { type: "seqpacket", timeoutMs: 20 }));
    };
    await assertRejects(fill, DOMException);
    const error = await watchdog(30_000, assertRejects(() => topic(`shm:${at}`, { timeoutMs: 20 }), DOMException));
    assertEquals(error.name, "TimeoutError");
    for (const socket of queued) socket[Symbol.dispose]();
  });
});

for (const [kind, open] of Object.entries(OPEN)) {
  Deno.test(`${kind}: a listener that is stopped does not stop a connector's deadline, nor its abort`, async () => {
    await noLeaks(async () => {
      const at = name();
      // It never accepts: the kernel connects all the same.
      using _stopped = await listenUnix(meetingPath(at), { type: "seqpacket" });
      const late = await watchdog(30_000, assertRejects(() => open(at, { timeoutMs: 20 }), DOMException));
      assertEquals(late.name, "TimeoutError");
      const controller = new AbortController();
      const aborted = assertRejects(() => open(at, { signal: controller.signal }), RangeError, "enough");
      // It has connected, and waits for the answer.
      setTimeout(() => controller.abort(new RangeError("enough")), 20);
      await watchdog(30_000, aborted);
    });
  });

  Deno.test(`${kind}: a listener that hangs up on everybody does not keep a connector for ever`, async () => {
    await noLeaks(async () => {
      const at = name();
      const listener = await listenUnix(meetingPath(at), { type: "seqpacket" });
      const hangingUp = (async () => {
        for await (using _guest of listener);
      })();
      const error = await watchdog(30_000, assertRejects(() => open(at, { timeoutMs: 50 }), DOMException));
      assertEquals(error.name, "TimeoutError");
      listener[Symbol.dispose]();
      await hangingUp;
    });
  });
}
