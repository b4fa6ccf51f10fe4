import { assertEquals, assertRejects } from "@std/assert";
import { Transcript } from "../../lib/process/transcript.ts";

function write(transcript: Transcript, text: string): void {
  transcript.add(new TextEncoder().encode(text));
}

Deno.test("Transcript.waitFor finds what is there, takes it, and goes on behind it", async () => {
  const transcript = new Transcript("cat");
  write(transcript, "one 1 two 2 rest");
  assertEquals(await transcript.waitFor(/\d/), { before: "one ", text: "1", groups: [] });
  assertEquals(await transcript.waitFor("two"), { before: " ", text: "two", groups: [] });
  assertEquals(await transcript.waitFor(/(\d) (r)(x)?/g), { before: " ", text: "2 r", groups: ["2", "r", undefined] });
  assertEquals(transcript.text, "est");
});

Deno.test("Transcript.waitFor waits for what comes later, in any pieces", async () => {
  const transcript = new Transcript("cat");
  const match = transcript.waitFor("größe: ");
  for (const byte of new TextEncoder().encode("x größe: y")) transcript.add(new Uint8Array([byte]));
  assertEquals(await match, { before: "x ", text: "größe: ", groups: [] });
});

Deno.test("Transcript leaves the control sequences of terminals out, also those that come in pieces", async () => {
  const sequences = [
    "\x1b[1;31m",
    "\x1b[?2004h",
    "\x1b]0;title\x07",
    "\x1b]8;;http://x\x1b\\",
    "\x1b(B",
    "\x1bM",
    "\x1bPq\x1b\\",
  ];
  for (const sequence of sequences) {
    for (let cut = 0; cut <= sequence.length; cut++) {
      const transcript = new Transcript("cat");
      write(transcript, `a${sequence.slice(0, cut)}`);
      write(transcript, `${sequence.slice(cut)}b`);
      assertEquals([transcript.text, JSON.stringify(sequence), cut], ["ab", JSON.stringify(sequence), cut]);
      await transcript.waitFor("ab");
    }
  }
});

Deno.test("Transcript.waitFor says at the end, and after the time limit, what came instead", async () => {
  const transcript = new Transcript("cat");
  write(transcript, "Login: ");
  await assertRejects(() => transcript.waitFor("Password", { timeoutMs: 5 }), DOMException, 'it wrote "Login: "');
  const ended = assertRejects(() => transcript.waitFor(/x/), Deno.errors.UnexpectedEof, "cat ended without /x/");
  transcript.end();
  await ended;
  await assertRejects(() => transcript.waitFor("x"), Deno.errors.UnexpectedEof);
  assertEquals((await transcript.waitFor("gin")).before, "Lo");
});

Deno.test("Transcript.waitFor can be aborted, loses nothing by it, and refuses a second waiter", async () => {
  const transcript = new Transcript("cat");
  const controller = new AbortController();
  const first = transcript.waitFor("a", { signal: controller.signal });
  await assertRejects(() => transcript.waitFor("b"), Deno.errors.Busy);
  controller.abort(new Error("enough"));
  await assertRejects(() => first, Error, "enough");
  write(transcript, "a");
  assertEquals((await transcript.waitFor("a")).text, "a");
});

Deno.test("Transcript keeps a bounded part of what nobody waits for", () => {
  const transcript = new Transcript("yes");
  const chunk = "y\n".repeat(50_000);
  for (let count = 0; count < 30; count++) write(transcript, chunk);
  assertEquals(transcript.text.length, 1 << 20);
});
