// Needs: strace, taskset
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { exchangeBothWays, killReceivers, killSenders, KINDS, stopAndGoOn } from "../socket/descriptor_exchange.ts";

const MINUTE = 60_000;

const STRACE = ["strace", "-f", "-qq", "-o", "/dev/null", "-e"];

/** How the other process is started, and how many messages it is good for. */
const PLACES: [what: string, messages: number, words: string[]][] = [
  ["", 50_000, []],
  [" on one CPU", 20_000, ["taskset", "-c", "0"]],
  // What arrives while somebody is about to receive, or about to wait.
  [" with slow receives", 1_000, [...STRACE, "inject=recvmsg:delay_enter=300:when=1+3"]],
  [" with slow waits", 1_000, [...STRACE, "inject=epoll_wait,epoll_ctl:delay_exit=200:when=1+5"]],
];

for (const kind of KINDS) {
  for (const [what, messages, words] of PLACES) {
    Deno.test(`${messages} messages with 1 to 253 descriptors both ways through a ${kind} socket${what}`, async () => {
      await watchdog(
        10 * MINUTE,
        () => noLeaks(() => exchangeBothWays(kind, messages, words), () => stopAndGoOn(kind, 1)),
      );
    });
  }

  Deno.test(`receiving descriptors through a ${kind} socket survives 2,000 stops`, async () => {
    await watchdog(10 * MINUTE, () => noLeaks(() => stopAndGoOn(kind, 2_000), () => stopAndGoOn(kind, 2)));
  });

  Deno.test(`300 receivers of descriptors through a ${kind} socket are killed at any moment`, async () => {
    await watchdog(10 * MINUTE, () => noLeaks(() => killReceivers(kind, 300), () => killReceivers(kind, 2)));
  });

  Deno.test(`300 senders of descriptors through a ${kind} socket are killed at any moment`, async () => {
    await watchdog(10 * MINUTE, () => noLeaks(() => killSenders(kind, 300), () => killSenders(kind, 2)));
  });
}
