// One struct, three languages: C by the header that the layout prints, Python by its offsets; both under our lock or by our atomics.
// deno run --allow-ffi --allow-run --allow-write --allow-read examples/attach_from_c_and_python.ts
// Needs: gcc, python3
// Expect: C left: busy 40n 3 7 from C
// Expect: Python left: done 42n 3.25 from Python
import { atomic, command, enumeration, f64, i64, mutex, openShared, PosixError, struct, u32, utf8 } from "../mod.ts";

const Job = struct({
  lock: mutex,
  state: enumeration("idle", "busy", "done"),
  hits: i64,
  price: f64,
  seen: atomic(u32),
  name: utf8(16),
});

using shared = await openShared(`causeway-example-${Deno.pid}`, Job);
const job = shared.view;
job.name = "from Deno";
job.price = 1.5;
const folder = await Deno.makeTempDir();
try {
  await attachFromC();
  await attachFromPython();
} finally {
  shared.unlink();
  await Deno.remove(folder, { recursive: true });
}

/** The C program is compiled with the header of this very layout: if the two disagreed, it would not compile. */
async function attachFromC(): Promise<void> {
  await Deno.writeTextFile(`${folder}/job.h`, Job.cHeader("job"));
  const source = import.meta.dirname + "/attach_from_c.c";
  if (!await has("gcc", ["-O2", "-I", folder, "-o", `${folder}/attach`, source, "-lrt"])) return;
  console.log("C found:", await command(`${folder}/attach`, [shared.name]).text());
  using _guard = job.lock.lockSync();
  console.log("C left:", job.state, job.hits, job.price, job.seen.load(), job.name);
}

async function attachFromPython(): Promise<void> {
  const { offsets, fingerprint } = Job;
  const program = import.meta.dirname + "/attach_from_python.py";
  if (!await has("python3", ["--version"])) return;
  const facts = JSON.stringify({ ...offsets, fingerprint: `${fingerprint}` });
  console.log("Python found:", await command("python3", [program, shared.name, facts]).text());
  console.log("Python left:", job.state, job.hits, job.price, job.name);
}

/** Runs a program that may not be installed. */
async function has(program: string, args: string[]): Promise<boolean> {
  try {
    await command(program, args).output();
    return true;
  } catch (error) {
    if (!(error instanceof PosixError && error.code === "ENOENT")) throw error;
    console.log(`${program} is missing here: this part is left out`);
    return false;
  }
}
