// A pipeline that branches: several programs write to one, one writes to several, and its progress is shown.
// deno run --allow-ffi --allow-run --allow-read examples/branches.ts
// Expect: one pass, two answers: 3000000 lines, the last is 3000000
// Expect: sorted together: 1 2 3 4 5 6
// Expect: counted on the way: 100000000 bytes
import { fanIn, fanOut, pipeline } from "../mod.ts";

// The kernel duplicates the bytes (tee(2)); the slowest branch sets the pace.
const answers = await pipeline(["seq", "3000000"], fanOut(["wc", "-l"], ["tail", "-n", "1"])).text();
const [lines, last] = answers.split("\n");
console.log(`one pass, two answers: ${lines} lines, the last is ${last}`);

// Several programs share one pipe, which ends with the last of them.
const together = await pipeline(fanIn(["seq", "1", "2", "5"], [["seq", "6"], ["grep", "[246]"]]), ["sort", "-n"])
  .text();
console.log("sorted together:", together.split("\n").join(" "));

// A meter sits between the first two programs and counts, as pv(1) does; no byte passes through this process.
let bytes = 0;
await pipeline(["head", "-c", "100000000", "/dev/zero"], ["gzip", "-1"], ["wc", "-c"]).with({
  progressEveryMs: 100,
  onProgress: ({ byteLength, bytesPerSecond }) => {
    bytes = byteLength;
    console.error(`${(byteLength / 1e6).toFixed(0)} MB, ${(bytesPerSecond / 1e6).toFixed(0)} MB/s`);
  },
}).output();
console.log(`counted on the way: ${bytes} bytes`);
