import { killReceivers, killSenders, manyMessages } from "./ring_rounds.ts";
import { watchdog } from "../helpers/watchdog.ts";

Deno.test("senders killed at random instants: nothing torn, nothing lost that was sent", async () => {
  await watchdog(240_000, killSenders(6));
});

Deno.test("receivers killed at random instants: the sender learns it", async () => {
  await watchdog(240_000, killReceivers(6));
});

Deno.test("200,000 messages in order between two processes, across the wrap-around of the cursors", async () => {
  await watchdog(240_000, manyMessages(200_000));
});
