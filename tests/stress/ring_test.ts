import { killReceivers, killSenders, manyMessages, mutateHeaders, scribbleLive } from "../channel/ring_rounds.ts";
import { watchdog } from "../helpers/watchdog.ts";

const LIMIT_MS = 30 * 60_000;

Deno.test("10 million messages in order through a ring, across the wrap-around of its cursors", async () => {
  const ms = await watchdog(LIMIT_MS, manyMessages(10_000_000));
  console.log(`10,000,000 messages in ${(ms / 1000).toFixed(1)} s`);
});

Deno.test("500 senders of rings killed at random instants", async () => {
  await watchdog(LIMIT_MS, killSenders(500));
});

Deno.test("500 receivers of rings killed at random instants", async () => {
  await watchdog(LIMIT_MS, killReceivers(500));
});

Deno.test("rings whose words change at random", async () => {
  console.log(`${mutateHeaders(20_000)} of 20,000 rings were broken`);
  console.log(`${await watchdog(LIMIT_MS, scribbleLive(40))} of 40 rings were broken live`);
});
