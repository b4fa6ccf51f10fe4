/** Channels without `--allow-ffi`. */
import { assertEquals } from "@std/assert";
import { outputOf, TempFolder } from "../sys/run_fixture.ts";

const EXPECTED = 'blocking needs FFI\n[{"hello":"there"},501,499,900000]\n';

Deno.test("channel over unix works without FFI", async () => {
  using folder = new TempFolder();
  const flags = ["--allow-read", "--allow-write", "--allow-net"];
  assertEquals(await outputOf("channel_light.ts", { flags, args: [`unix:${folder.at("road")}`] }), EXPECTED);
});

Deno.test("channel over tcp works without FFI", async () => {
  const host = `127.${[...crypto.getRandomValues(new Uint8Array(3))].map((byte) => byte % 254 + 1).join(".")}`;
  const flags = [`--allow-net=${host}`];
  assertEquals(await outputOf("channel_light.ts", { flags, args: [`tcp:${host}:7002`] }), EXPECTED);
});

Deno.test("channel over a FIFO works without FFI", async () => {
  using folder = new TempFolder();
  const flags = ["--allow-read", "--allow-write", "--allow-run=mkfifo"];
  assertEquals(await outputOf("channel_light.ts", { flags, args: [`fifo:${folder.at("fifo")}`] }), EXPECTED);
});
