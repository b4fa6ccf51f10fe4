/** Callers and callees that are killed at random instants, a few times each: tests/stress/channel_test.ts does it 200 times. */
import { noLeaks } from "../helpers/leaks.ts";
import { killCallees, killCallers } from "./rpc_rounds.ts";

Deno.test("remote: every open call is settled when its callee is killed at a random instant", async () => {
  await noLeaks(async () => void await killCallees(1));
});

Deno.test("serve: every open call is cancelled when its caller is killed at a random instant", async () => {
  await noLeaks(async () => void await killCallers(1));
});
