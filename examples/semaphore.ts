// Counters that processes share: a POSIX semaphore that a Python program posts, and System V permits that come back from the dead.
// deno run --allow-ffi --allow-run --allow-read examples/semaphore.ts
// Needs: python3
// Expect: python posted, 3 waits went through
// Expect: from both accounts or from neither: false
// Expect: a third permit: undefined
// Expect: the holder was killed, its permit came back
import { command, createPosixSemaphore, createSysvSemaphores } from "../mod.ts";
import { openSysvSemaphoresSync, unlinkPosixSemaphore } from "../mod.ts";

if (Deno.args[0] === "hold") await holdForEver(Number(Deno.args[1]));

// A named semaphore: whoever knows the name may post and wait, in any language.
const name = `/causeway-example-${Deno.pid}`;
const PYTHON = `
import ctypes, sys
libc = ctypes.CDLL(None)
libc.sem_open.restype = ctypes.c_void_p
semaphore = ctypes.c_void_p(libc.sem_open(sys.argv[1].encode(), 0))
for _ in range(3): libc.sem_post(semaphore)
`;
{
  using semaphore = createPosixSemaphore(name);
  const posted = command("python3", ["-c", PYTHON, name]).output();
  for (let count = 0; count < 3; count++) await semaphore.wait({ timeoutMs: 30_000 });
  await posted;
  unlinkPosixSemaphore(name);
  console.log("python posted, 3 waits went through");
}

// A System V set: several counters change as one, or none does.
using set = createSysvSemaphores("private", { values: [2, 0] });
console.log(
  "from both accounts or from neither:",
  set.tryOperate([{ index: 0, change: -1 }, { index: 1, change: -1 }]),
);

// Permits belong to a process. It cannot take them to the grave.
{
  using _mine = await set.acquire(0);
  const holder = command(Deno.execPath(), ["run", "--allow-ffi", import.meta.filename!, "hold", String(set.id)]);
  for await (const line of holder.lines()) {
    console.log(line);
    console.log("a third permit:", set.tryAcquire(0));
    // Leaving the loop kills it.
    break;
  }
  using _his = await set.acquire(0, { timeoutMs: 30_000 });
  console.log("the holder was killed, its permit came back");
}
set.remove();

function holdForEver(id: number): Promise<never> {
  const permit = openSysvSemaphoresSync({ id }).acquireSync(0);
  console.log(`process ${Deno.pid} holds a permit of semaphore ${permit.index}`);
  return new Promise<never>(() => setInterval(() => {}, 60_000));
}
