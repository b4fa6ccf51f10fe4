/** A short slice of tests/stress/socket_test.ts. */
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { exchangeBothWays, killReceivers, killSenders, KINDS, stopAndGoOn } from "./descriptor_exchange.ts";

for (const kind of KINDS) {
  Deno.test(`1,000 messages with 1 to 253 descriptors both ways through a ${kind} socket`, async () => {
    await watchdog(60_000, () => noLeaks(() => exchangeBothWays(kind, 1000, []), () => stopAndGoOn(kind, 1)));
  });

  Deno.test(`receiveDescriptors on ${kind} goes on after the process was stopped, and nothing is lost`, async () => {
    await watchdog(60_000, () => noLeaks(() => stopAndGoOn(kind, 20), () => stopAndGoOn(kind, 1)));
  });

  Deno.test(`descriptors on ${kind}: the other process is killed at any moment`, async () => {
    await watchdog(60_000, () =>
      noLeaks(async () => {
        await killReceivers(kind, 3);
        await killSenders(kind, 3);
      }));
  });
}
