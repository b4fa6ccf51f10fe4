// One picture, painted by one process and then by all CPUs: they share the memory, and an atomic counter hands out the rows.
// deno run --allow-ffi --allow-run examples/mandelbrot.ts
// Expect: the same picture: true
import { array, atomic, barrier, command, createAnonymousMemory, fromDescriptor } from "../mod.ts";
import { type Infer, openAnonymousMemory, struct, u32, u8 } from "../mod.ts";

const [WIDTH, HEIGHT, LIMIT] = [600, 400, 5000];
const PAINTERS = Math.min(navigator.hardwareConcurrency, 8);

/** The painters and this process meet before and after the painting. */
function jobFor(painters: number) {
  return struct({ meet: barrier(painters + 1), row: atomic(u32), pixels: array(u8, WIDTH * HEIGHT) });
}

/** Rows until there are no more: who is faster, paints more. */
function paint(job: Infer<ReturnType<typeof jobFor>>): void {
  for (let y = job.row.add(1); y < HEIGHT; y = job.row.add(1)) {
    for (let x = 0; x < WIDTH; x++) {
      const [a, b] = [(3 * x) / WIDTH - 2.1, (2.4 * y) / HEIGHT - 1.2];
      let [steps, re, im] = [0, 0, 0];
      for (let next = 0; re * re + im * im < 4 && steps < LIMIT; steps++) {
        next = re * re - im * im + a;
        im = 2 * re * im + b;
        re = next;
      }
      job.pixels[y * WIDTH + x] = steps % 256;
    }
  }
}

if (Deno.args[0] === "paint") {
  using memory = openAnonymousMemory(fromDescriptor(0));
  const job = jobFor(Number(Deno.args[1])).open(memory);
  job.meet.waitSync({ timeoutMs: 30_000 });
  paint(job);
  job.meet.waitSync();
  Deno.exit();
}

async function paintWith(painters: number): Promise<{ ms: number; picture: Uint8Array }> {
  const Job = jobFor(painters);
  using memory = createAnonymousMemory({ size: Job.byteLength });
  const job = Job.create(memory);
  const words = ["run", "--allow-ffi", import.meta.filename ?? "", "paint", `${painters}`];
  const painter = () => command(Deno.execPath(), words, { stdin: memory.duplicate() }).output();
  const painting = Array.from({ length: painters }, painter);
  await job.meet.wait({ timeoutMs: 30_000 });
  const start = performance.now();
  await job.meet.wait();
  const ms = performance.now() - start;
  await Promise.all(painting);
  return { ms, picture: job.pixels.slice() };
}

const [alone, together] = [await paintWith(1), await paintWith(PAINTERS)];
console.log("the same picture:", alone.picture.every((pixel, index) => pixel === together.picture[index]));
console.log(`1 process: ${alone.ms.toFixed()} ms, ${PAINTERS}: ${together.ms.toFixed()} ms`);
console.log(`${(alone.ms / together.ms).toFixed(1)} times as fast`);
