/** Channels without `--allow-ffi`. */
import { assertEquals } from "@std/assert";
import { channel } from "../../mod.ts";
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

Deno.test("listenChannel over tcp without FFI goes on when there is a descriptor again", async () => {
  const host = `127.${[...crypto.getRandomValues(new Uint8Array(3))].map((byte) => byte % 254 + 1).join(".")}`;
  const address = `tcp:${host}:7003`;
  const flags = [`--allow-net=${host}`, "--allow-read=/dev/null"];
  const through = ["sh", "-c", 'ulimit -n 100; exec "$@"', "sh"];
  const listening = outputOf("channel_light_out_of_descriptors.ts", { flags, args: [address], through });
  using connector = await channel<string>(address, { timeoutMs: 60_000 });
  await connector.send("hello");
  assertEquals(await listening, "true\nhello\n");
});
