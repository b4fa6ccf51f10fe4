/** Channels over every road, and calls over them: many messages, and ends that are killed at random instants. */
import {
  killChannelReceivers,
  killChannelSenders,
  manyChannelMessages,
  MORTAL_ROADS,
  type MortalRoad,
} from "../channel/channel_rounds.ts";
import { killCallees, killCallers } from "../channel/rpc_rounds.ts";
import { noLeaks } from "../helpers/leaks.ts";

/** Messages, and bytes of each: over `shm:` so many that the cursors of the ring, which have 32 bits, wrap around. */
const MANY: Record<MortalRoad, [count: number, bytes: number]> = {
  "shm": [10_000_000, 440],
  "unix": [1_000_000, 16],
  "fifo": [300_000, 16],
  "mq": [100_000, 16],
  "pair over a socket": [300_000, 16],
  "pair over a ring": [1_000_000, 16],
};

/** Of each end, on each road: 1,008 in all. */
const KILLS = 84;

for (const road of MORTAL_ROADS) {
  const [count, bytes] = MANY[road];
  Deno.test(`${count.toLocaleString("en")} messages in order over ${road}`, async () => {
    const ms = await manyChannelMessages(road, count, bytes);
    console.log(`${count} messages of ${bytes} bytes in ${(ms / 1000).toFixed(1)} s`);
  });

  Deno.test(`${2 * KILLS} ends of ${road} killed at random instants`, async () => {
    await noLeaks(async () => {
      const received = await killChannelSenders(road, KILLS);
      console.log(`${KILLS} senders killed: ${received} messages received, none of those that were sent lost`);
      await killChannelReceivers(road, KILLS);
    }, async () => void await killChannelSenders(road, 2));
  });
}

Deno.test("100 callees and 100 callers killed at random instants: every call is settled", async () => {
  await noLeaks(async () => {
    const answered = await killCallees(50);
    const served = await killCallers(50);
    console.log(`${answered} calls answered, ${served} calls back served`);
  }, async () => {
    await killCallees(1);
    await killCallers(1);
  });
});
