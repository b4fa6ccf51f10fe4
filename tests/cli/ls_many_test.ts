// Needs: python3, root
/** `causeway ls` of ten thousand objects. How long that takes is not for a test to say: docs/benchmarks.md. */
import { assertEquals } from "@std/assert";
import { fixture } from "./causeway.ts";
import { Directory, isolatedTest, withOurs } from "./tools/isolated.ts";

Deno.test(isolatedTest("ls lists 10,000 objects, each once", async () => {
  using directory = new Directory();
  const { stdout, stderr } = await withOurs(
    "ls",
    `
    mkfifo hold said
    python3 ${fixture("inspect_many.py")} 10000 <hold >said &
    exec 7>hold
    read -r line <said
    T --pid $! --kind pipe,socket,memfd | tail -n +2 | awk '{ print $1 }' | sort | uniq -c
    T --name '/many-*' shm | tail -n +2 | sort -u -k 2,2 | wc -l
    exec 7>&-
    wait
    `,
    { cwd: directory.path, isolated: true },
  );
  // Its own standard streams may be pipes, too.
  const counted = stdout.replace(/\b100\d pipe/, "1000 pipe");
  assertEquals(counted.trim().split("\n").map((line) => line.trim()), [
    "2000 memfd",
    "1000 pipe",
    "2000 unix-socket",
    "5000",
  ]);
  assertEquals(stderr.replace(/^note: .*\n/gm, ""), "");
}));
