/** Messages are decoded where they lie, in memory that a hostile peer goes on writing. */
import { assertEquals } from "@std/assert";
import { resolveCodec } from "../../lib/channel/codec.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** The peer writes between the check of a message and its decoding. */
function during<Result>(peer: () => void, act: () => Result): Result {
  const { decode } = TextDecoder.prototype;
  TextDecoder.prototype.decode = function (this: TextDecoder, ...args: Parameters<typeof decode>): string {
    peer();
    return decode.apply(this, args);
  };
  try {
    return act();
  } finally {
    TextDecoder.prototype.decode = decode;
  }
}

Deno.test("json: what is parsed is what was checked, whatever the peer writes meanwhile", () => {
  const shared = bytes(`"${"x".repeat(1000)}"`);
  const deep = bytes("[".repeat(501) + "]".repeat(501));
  const value = during(() => shared.set(deep), () => resolveCodec("json").decode(shared));
  assertEquals(value, "x".repeat(1000));
});

Deno.test("text and codecs of one's own decode a copy: a decoder that looks twice sees the same twice", () => {
  const shared = bytes("before");
  const peer = () => shared.set(bytes("behind"));
  assertEquals(during(peer, () => resolveCodec("text").decode(shared)), "before");
  shared.set(bytes("before"));
  const own = resolveCodec({
    name: "own",
    encode: (value: unknown) => bytes(String(value)),
    decode: (message) => (peer(), new TextDecoder().decode(message)),
  });
  assertEquals(own.decode(shared), "before");
});
