// Needs: systemd-socket-activate
/** systemd's own tool at the other end of the LISTEN_FDS convention. */
import { assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { connectUnix } from "../../lib/socket/mod.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { bytesOf, Room, textOf } from "./peer_process.ts";

const FIXTURE = fromFileUrl(new URL("../fixtures/socket_inherited.ts", import.meta.url));

for (const [flags, type] of [[[], "stream"], [["--seqpacket"], "seqpacket"], [["--datagram"], "datagram"]] as const) {
  Deno.test(`inheritedSockets serves what systemd-socket-activate listens to: ${type}`, async () => {
    await watchdog(30_000, async () => {
      using room = new Room();
      const args = ["-l", room.at("s"), "--fdname=echo", ...flags];
      const tool = new Deno.Command("systemd-socket-activate", {
        args: [...args, "-E", "NO_COLOR=1", Deno.execPath(), "run", "--allow-all", FIXTURE],
        stdout: "piped",
        stderr: "null",
      }).spawn();
      const output = new Response(tool.stdout).text();
      while (!room.names.includes("s")) await new Promise((resolve) => setTimeout(resolve, 1));
      assertEquals(await ask(room.at("s"), type), "hello");
      const lines = (await output).trim().split("\n");
      assertEquals((await tool.status).code, 0);
      const facts = type === "datagram" ? ["datagram", true, room.at("s")] : ["listener", true, type, room.at("s")];
      assertEquals(lines.map((line) => line === "ready" ? line : JSON.parse(line)), [
        "ready",
        [["echo", 3, ...facts]],
        [],
        "hello",
        0,
      ]);
    });
  });
}

async function ask(path: string, type: "stream" | "seqpacket" | "datagram"): Promise<string> {
  if (type === "stream") {
    using socket = await connect(() => connectUnix(path));
    await socket.write(bytesOf("hello"));
    const buffer = new Uint8Array(16);
    return textOf(buffer.subarray(0, await socket.read(buffer) ?? 0));
  }
  using socket = await connect(() => connectUnix(path, { type, autobind: type === "datagram" }));
  await socket.send(bytesOf("hello"));
  return textOf((await socket.receive())!.bytes);
}

/** The name is there before the tool listens. */
async function connect<Socket>(attempt: () => Promise<Socket>): Promise<Socket> {
  for (let tries = 1;; tries++) {
    try {
      return await attempt();
    } catch (error) {
      if (tries === 2000) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
}
