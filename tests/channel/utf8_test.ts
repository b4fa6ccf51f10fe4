/** Texts as bytes and back: the same as the platform's own encoder and strict decoder, whatever the text. */
import { assertEquals, assertThrows } from "@std/assert";
import { copyForNow, decodeUtf8, encodeUtf8 } from "../../lib/channel/utf8.ts";

const TEXTS: readonly string[] = [
  "",
  "plain",
  "Grüße, 世界, 🌉",
  "\uFEFFwith a mark of the byte order",
  "a real \uFFFD replacement",
  "\0\u0001",
  ...[2730, 2731, 8192, 22_000, 70_000].flatMap((length) => ["x".repeat(length), "世".repeat(length)]),
];

Deno.test("encodeUtf8 and decodeUtf8 give back every text", () => {
  const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  // All of them, before one is read: none lies on another.
  const all = Array.from({ length: 40 }, () => TEXTS.map((text) => encodeUtf8(text))).flat();
  all.forEach((bytes, index) => {
    const text = TEXTS[index % TEXTS.length]!;
    assertEquals(bytes.byteLength, new TextEncoder().encode(text).byteLength);
    assertEquals(strict.decode(bytes) === text && decodeUtf8(copyForNow(bytes)) === text, true);
  });
});

Deno.test("decodeUtf8 refuses what is no UTF-8, also beside a real replacement character", () => {
  const wrong: readonly (readonly number[])[] = [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xe4, 0xb8], [
    0xf4,
    0x90,
    0x80,
    0x80,
  ]];
  for (const bytes of wrong) {
    assertThrows(() => decodeUtf8(new Uint8Array(bytes)), TypeError);
    assertThrows(() => decodeUtf8(new Uint8Array([...new TextEncoder().encode("\uFFFD"), ...bytes])), TypeError);
  }
});
