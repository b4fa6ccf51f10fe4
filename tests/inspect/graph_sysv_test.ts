// Needs: python3
import { assert, assertEquals } from "@std/assert";
import { createSysvQueue, createSysvSemaphores } from "../../mod.ts";
import { readSysvEnds } from "../../lib/inspect/graph_sysv.ts";
import { readSnapshot, type Snapshot } from "../../lib/inspect/snapshot.ts";
import { watchdog } from "../helpers/watchdog.ts";

const LONG_MS = 60_000;

/** The roles at one object. */
function rolesAt(id: string, snapshot: Snapshot = readSnapshot()): [pid: number, role: string][] {
  return readSysvEnds(snapshot).ends.filter((end) => end.id === id).map(({ pid, role }) => [pid, role]);
}

Deno.test("readSysvEnds tells who was the last to send, to receive and to operate", () => {
  const queue = createSysvQueue("private");
  const set = createSysvSemaphores("private", { values: [0, 0, 0] });
  try {
    assertEquals(rolesAt(`sysv-queue:${queue.id}`), []);
    queue.sendSync(new Uint8Array(3));
    assertEquals(rolesAt(`sysv-queue:${queue.id}`), [[Deno.pid, "sent-last"]]);
    queue.receiveSync();
    assertEquals(rolesAt(`sysv-queue:${queue.id}`), [[Deno.pid, "sent-last"], [Deno.pid, "received-last"]]);
    set.operateSync([{ index: 1, change: 1 }]);
    assertEquals(rolesAt(`sysv-semaphores:${set.id}`), [[Deno.pid, "used-last"]]);
  } finally {
    queue.remove();
    set.remove();
  }
});

Deno.test("readSysvEnds leaves out a process that has only got the pid of another", () => {
  const queue = createSysvQueue("private");
  try {
    queue.sendSync(new Uint8Array(3));
    const snapshot = readSnapshot();
    const own = snapshot.processes.get(Deno.pid);
    assert(own !== undefined);
    const id = `sysv-queue:${queue.id}`;
    for (const [seconds, roles] of [[-60, 1], [60, 0]] as const) {
      const another = { ...own, startedAt: Date.now() + seconds * 1000 };
      const processes = new Map(snapshot.processes).set(Deno.pid, another);
      assertEquals(rolesAt(id, { ...snapshot, processes }).length, roles);
    }
  } finally {
    queue.remove();
  }
});

Deno.test("readSysvEnds sees who sleeps in a call", async () => {
  const queue = createSysvQueue("private");
  const set = createSysvSemaphores("private", { values: [0] });
  const program = (words: string) => `
import ctypes, os, sys
libc = ctypes.CDLL(None)
${words}
print("ready", flush=True)
`;
  const sleeps: [code: string, id: string, role: string][] = [
    [
      `libc.msgrcv(${queue.id}, ctypes.create_string_buffer(16), ctypes.c_size_t(8), ctypes.c_long(0), 0)`,
      `sysv-queue:${queue.id}`,
      "reads",
    ],
    [
      `libc.semop(${set.id}, bytes([0, 0, 0xff, 0xff, 0, 0]), ctypes.c_size_t(1))`,
      `sysv-semaphores:${set.id}`,
      "waits",
    ],
  ];
  try {
    await watchdog(LONG_MS, async () => {
      for (const [code, id, role] of sleeps) {
        const child = new Deno.Command("python3", { args: ["-c", program(code)], stdin: "null", stdout: "null" })
          .spawn();
        const find = () => rolesAt(id).filter(([pid]) => pid === child.pid);
        try {
          while (find().length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
          assertEquals(find(), [[child.pid, role]]);
        } finally {
          child.kill("SIGKILL");
          await child.status;
        }
      }
    });
  } finally {
    queue.remove();
    set.remove();
  }
});
