// Locks a file against other tasks and other programs; flock(1) asks for the same lock.
// deno run --allow-ffi --allow-run --allow-read --allow-write examples/file_lock.ts
// Expect: flock(1) while this process has the lock: exit code 1
// Expect: four tasks, one at a time: 4
// Expect: flock(1) had it, then it was free
// Expect: bytes 0..511 and 512..1023 are different locks: true
// Expect: still somebody else's: TimeoutError
import { command, lockFile, tryLockFile } from "../mod.ts";

const directory = await Deno.makeTempDir();
const path = `${directory}/lock`;
const counter = `${directory}/counter`;

{
  using lock = await lockFile(path);
  const status = await command("flock", ["--nonblock", path, "true"]).status();
  if (status.kind === "exited") console.log("flock(1) while this process has the lock: exit code", status.code);

  // Readers may come in, writers may not.
  await lock.convert("shared");
  using reader = tryLockFile(path, { shared: true });
  console.log("now it is", lock.state, "with", reader?.state);
}

// The lock belongs to the open file, not to the process: tasks of one process use it too.
await Deno.writeTextFile(counter, "0");
async function increment(): Promise<void> {
  using _lock = await lockFile(path, { timeoutMs: 30_000 });
  await Deno.writeTextFile(counter, String(Number(await Deno.readTextFile(counter)) + 1));
}
await Promise.all([increment(), increment(), increment(), increment()]);
console.log("four tasks, one at a time:", await Deno.readTextFile(counter));

// Waiting for another program, with a limit. The kernel frees the file when the holder ends, however it ends.
for await (const _line of command("flock", ["--no-fork", path, "sh", "-c", "echo locked; exec sleep 600"]).lines()) {
  const failure = await lockFile(path, { timeoutMs: 50 }).catch((error) => error);
  console.log("still somebody else's:", failure.name);
  // Leaving the loop ends it. (Without --no-fork the shell is a child of flock(1), inherits the lock and keeps it.)
  break;
}
(await lockFile(path, { timeoutMs: 30_000 })).unlock();
console.log("flock(1) had it, then it was free");

// Parts of a file.
using first = tryLockFile(counter, { kind: "ofd", start: 0, length: 512 });
using second = tryLockFile(counter, { kind: "ofd", start: 512, length: 512 });
console.log("bytes 0..511 and 512..1023 are different locks:", first !== undefined && second !== undefined);
await Deno.remove(directory, { recursive: true });
