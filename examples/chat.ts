// A chat: one server, three clients, each a process with a channel of its own over a Unix socket.
// deno run --allow-ffi --allow-run --allow-read --allow-write examples/chat.ts
// Expect: ada, bob and eve said 9 lines, and each heard all of them
import { type Channel, channel, command, listenChannel } from "../mod.ts";

type Line = { from: string; text: string };

if (Deno.args[0] !== undefined) await talk(Deno.args[0], Deno.args[1]!);
else await serve();

async function serve(): Promise<void> {
  const directory = await Deno.makeTempDir();
  const address = `unix:${directory}/chat`;
  const clients = new Set<Channel<Line>>();
  const log: Line[] = [];
  using listener = await listenChannel<Line>(address, { type: "chat-1", whenFull: "drop-oldest", highWaterMark: 100 });
  /** Who comes late is told what was said. */
  const attend = async (client: Channel<Line>): Promise<void> => {
    using _client = client;
    for (const line of log) client.sendSync(line);
    clients.add(client);
    for await (const line of client) {
      log.push(line);
      for (const each of clients) each.sendSync(line);
    }
    clients.delete(client);
  };
  const accepting = (async () => {
    for await (const client of listener) void attend(client);
  })();
  const program = ["run", "--allow-ffi", "--allow-read", "--allow-write", import.meta.filename!];
  const people = ["ada", "bob", "eve"].map((name) => command(Deno.execPath(), [...program, name, address]).text());
  const heard = await Promise.all(people);
  listener.close();
  await accepting;
  console.log(heard[0]);
  const same = new Set(heard).size === 1;
  console.log(`ada, bob and eve said ${log.length} lines, and each heard ${same ? "all of them" : "something else"}`);
  await Deno.remove(directory, { recursive: true });
}

async function talk(name: string, address: string): Promise<void> {
  await using chat = await channel<Line>(address, { type: "chat-1" });
  for (const text of ["hello", `I am ${name}`, "bye"]) await chat.send({ from: name, text });
  let lines = 0;
  for await (const { from, text } of chat) {
    console.log(`${from}: ${text}`);
    if (++lines === 9) break;
  }
}
