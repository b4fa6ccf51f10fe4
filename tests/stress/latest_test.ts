// Larger models of the protocol, and values that are big enough to be torn if they could be.
import { assert, assertEquals } from "@std/assert";
import { array, latest, struct, u32 } from "../../mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { Random } from "../sync/rounds.ts";
import "../channel/latest_model_test.ts?large";

Deno.test("a latest value of 64 KiB is never torn, with readers killed 1,000 times at random instants, and nothing is left", () =>
  noLeaks(() => killReaders(1000), () => killReaders(4)));

async function killReaders(rounds: number): Promise<void> {
  const random = new Random();
  const Big = struct({ numbers: array(u32, 16_384) });
  const address = `shm:stress-latest-${Deno.pid}`;
  await using writer = await latest(address, { mode: "write", codec: Big, maxReaders: 4 });
  const script = new URL("../fixtures/latest_big_reader.ts", import.meta.url).pathname;
  const numbers = new Uint32Array(16_384);
  let running = true;
  const writing = (async () => {
    for (let version = 1; running; version++) {
      writer.update((value) => value.numbers.set(numbers.fill(version)));
      // Readers are let in, and children watched.
      if (version % 64 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
    }
  })();
  const lives = async () => {
    for (let round = 0; round < rounds / 4; round++) {
      const child = new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--no-check", script, address],
        stdout: "piped",
        stderr: "inherit",
      }).spawn();
      const output = child.stdout.getReader();
      const { value } = await output.read();
      assertEquals(new TextDecoder().decode(value).trim(), "ready");
      await new Promise((resolve) => setTimeout(resolve, random.next() * 50));
      child.kill("SIGKILL");
      await output.cancel();
      const { signal } = await child.status;
      // One that had found a torn value would have ended by itself.
      assertEquals(signal, "SIGKILL");
      if (round > 0 && round % 25 === 0) console.log(`${4 * round} readers`);
    }
  };
  try {
    await watchdog(60 * 60_000, Promise.all([lives(), lives(), lives(), lives()]));
  } finally {
    running = false;
    await writing;
  }
  assertEquals(writer.readers, 0);
  assert(writer.version > rounds);
}
