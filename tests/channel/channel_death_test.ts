/** Ends that are killed at random instants, a few times each: tests/stress/channel_test.ts does it 1,000 times. */
import { assertRejects } from "@std/assert";
import { socketPair } from "../../mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { killChannelReceivers, killChannelSenders, MORTAL_ROADS } from "./channel_rounds.ts";

/** The epoll thread is opened once for good, and only when somebody first has to wait for long enough. */
async function openEpollThread(): Promise<void> {
  const [left, right] = socketPair("seqpacket");
  await assertRejects(() => left.receive({ timeoutMs: 1 }), DOMException);
  left.close();
  right.close();
}

for (const road of MORTAL_ROADS) {
  Deno.test(`channel over ${road}: a killed sender loses nothing that it knows it has sent, and a killed receiver is told`, async () => {
    await openEpollThread();
    await noLeaks(async () => {
      await killChannelSenders(road, 1);
      await killChannelReceivers(road, 1);
    });
  });
}
