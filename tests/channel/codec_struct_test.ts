/** Structs as messages: what is written where an object is sent in place of a view. */
import { assertEquals, assertThrows } from "@std/assert";
import { array, f64, i32, struct, u8, utf8 } from "../../mod.ts";
import { structCodec } from "../../lib/channel/codec_struct.ts";

const Letter = struct({ flag: u8, weight: f64, to: utf8(24), parts: array(i32, 3), inner: struct({ a: u8, b: i32 }) });
const codec = structCodec(Letter, 0n);
const long = {
  flag: 255,
  weight: Math.PI,
  to: "a long name with 24 byte",
  parts: [-1, -1, -1],
  inner: { a: 255, b: -1 },
};
const short = { flag: 1, weight: 2, to: "Ada", parts: [1, 2, 3], inner: { a: 4, b: 5 } };

Deno.test("a struct's message tells nothing of the message before", () => {
  const first = codec.encode(short).slice();
  codec.encode(long);
  assertEquals(codec.encode(short), first);
  // Nor of one that failed in the middle.
  assertThrows(() => codec.encode({ ...long, inner: { a: 1, b: 2 ** 40 } }), RangeError);
  assertEquals(codec.encode(short), first);
  const view = codec.decode(first);
  assertEquals([view.flag, view.weight, view.to, [...view.parts], view.inner.a, view.inner.b], [
    1,
    2,
    "Ada",
    [1, 2, 3],
    4,
    5,
  ]);
});

Deno.test("messages of structs stay what they are when others are made", () => {
  const messages = Array.from({ length: 3000 }, (_, index) => codec.encode({ ...short, weight: index }));
  messages.forEach((message, index) => assertEquals(codec.decode(message).weight, index));
});

Deno.test("an accessor that makes a message of its own in the middle of another spoils neither", () => {
  let inner: Uint8Array | undefined;
  const outer = codec.encode({
    ...short,
    get to() {
      inner = codec.encode(long);
      return "between";
    },
  });
  const [around, within] = [codec.decode(outer), codec.decode(inner ?? new Uint8Array())];
  assertEquals([around.flag, around.weight, around.to, around.inner.b], [1, 2, "between", 5]);
  assertEquals([within.flag, within.to, within.inner.b], [255, long.to, -1]);
});

Deno.test("what is received is the receiver's own, and an object that lacks a field is refused by its path", () => {
  const message = codec.encode(short);
  const view = codec.decode(message);
  message.fill(0);
  assertEquals(view.to, "Ada");
  // @ts-expect-error -- a field is missing
  assertThrows(() => codec.encode({ ...short, inner: { a: 1 } }), TypeError, "inner.b has no value");
});
