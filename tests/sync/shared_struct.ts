/** A struct in memory of its own: what every test of a primitive begins with. */
import {
  type AnonymousMemory,
  createAnonymousMemory,
  createSharedMemory,
  type SharedMemory,
} from "../../lib/memory/mod.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { uniqueName } from "./peer.ts";

interface Layout<View> {
  byteLength: number;
  create(memory: AnonymousMemory | SharedMemory): View;
}

/** With a name, for other processes; the name and the memory go with the scope. */
export function sharedStruct<View>(layout: Layout<View>): { memory: SharedMemory; view: View } & Disposable {
  const memory = createSharedMemory(uniqueName(), { size: layout.byteLength });
  const dispose = () => {
    memory.unlink();
    memory.close();
  };
  return { memory, view: layout.create(memory), [Symbol.dispose]: dispose };
}

/** Without a name. */
export function anonymousStruct<View>(layout: Layout<View>): { memory: AnonymousMemory; view: View } {
  const memory = createAnonymousMemory({ size: layout.byteLength });
  return { memory, view: layout.create(memory) };
}

/** Resolves when what is in shared memory says so. */
export async function until(condition: () => boolean): Promise<void> {
  await watchdog(60_000, async () => {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
  });
}

/** A directory that goes with the scope. */
export async function temporaryDirectory(): Promise<{ path: string } & AsyncDisposable> {
  const path = await Deno.makeTempDir({ prefix: "causeway-test-" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}
