/** Behaviours 53 to 56 on the road through shared memory. */
import { conform } from "./conformance.ts";
import type { RoadUnderTest } from "./roads.ts";

let names = 0;

const SHM: RoadUnderTest = {
  name: "shm",
  twoWay: true,
  largeBytes: 1_000_000,
  refusalIsMutual: true,
  place() {
    const address = `shm:conform-${Deno.pid}-${++names}`;
    return { listener: address, connector: address, [Symbol.dispose]: () => {} };
  },
};

conform(SHM);
