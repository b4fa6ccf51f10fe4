// A pool of processes that take typed jobs: each has a channel to its parent, and one that dies loses one job, which another does.
// deno run --allow-ffi --allow-run --allow-read --allow-env=CAUSEWAY_CHANNEL examples/channel_workers.ts
// Expect: 30 of 30 done
// Expect: one worker was killed
import { type Channel, ChannelClosedError, channelPair, command, parentChannel } from "../mod.ts";

type Job = { from: number; to: number };
type Result = { job: Job; primes: number };

if (Deno.args[0] === "work") await work();
else await lead();

async function lead(): Promise<void> {
  const todo: Job[] = Array.from({ length: 30 }, (_, i) => ({ from: i * 20_000, to: (i + 1) * 20_000 }));
  const done: Result[] = [];
  let deaths = 0;
  /** One process, from its first job to its last. */
  const employ = async (isWeak: boolean): Promise<void> => {
    const { parent, child } = channelPair<Job, Result>();
    const flags = ["--allow-ffi", "--allow-read", "--allow-env=CAUSEWAY_CHANNEL"];
    await using worker = command(Deno.execPath(), ["run", ...flags, import.meta.filename!, "work"], {
      inherit: [child],
    }).spawn();
    for (let job = todo.shift(); job !== undefined; job = todo.shift()) {
      try {
        await parent.send(job);
        // Before it can answer: later, the others may have left no job for it to die with.
        if (isWeak) worker.kill("SIGKILL");
        const result = await parent.receive();
        if (result !== null) done.push(result);
      } catch (error) {
        if (!(error instanceof ChannelClosedError)) throw error;
        deaths++;
        todo.push(job);
        return await employ(false);
      }
    }
    parent.close();
  };
  await Promise.all([employ(true), employ(false), employ(false)]);
  console.log(`${done.length} of 30 done: ${done.reduce((sum, { primes }) => sum + primes, 0)} primes below 600000`);
  console.log(deaths === 1 ? "one worker was killed, and its job was done by another" : `${deaths} deaths`);
}

async function work(): Promise<void> {
  const parent: Channel<Job, Result> = await parentChannel<Job, Result>();
  for await (const job of parent) {
    let primes = 0;
    for (let n = Math.max(2, job.from); n < job.to; n++) if (isPrime(n)) primes++;
    await parent.send({ job, primes });
  }
}

function isPrime(n: number): boolean {
  for (let divisor = 2; divisor * divisor <= n; divisor++) if (n % divisor === 0) return false;
  return true;
}
