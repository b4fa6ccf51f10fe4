// Needs: gcc, python3, root, ss, lsof
/** `causeway ls` beside `ss -x` and `lsof`. */
import { assert, assertEquals } from "@std/assert";
import { beside, type Listing } from "./listing.ts";
import { Directory, isolatedTest } from "./tools/isolated.ts";

for (const [maker, sockets, files] of [["C", 5, 9], ["Python", 1, 7]] as const) {
  Deno.test(isolatedTest(`ls agrees with ss -x and lsof on what ${maker} makes`, () => agreeOn(maker, sockets, files)));
}

async function agreeOn(maker: "C" | "Python", leastSockets: number, leastFiles: number): Promise<void> {
  using directory = new Directory();
  const { stderr } = await beside(
    `
    T --json streams shared-memory memfd --pid $pid >ours.json || exit
    ss -xapH >ss
    lsof -w -n -P -p $pid -F fatin >lsof
    `,
    directory.path,
    maker,
  );
  assertEquals(stderr, "");
  const text = (name: string) => Deno.readTextFileSync(`${directory.path}/${name}`);
  const { pid }: { pid: number } = JSON.parse(text("facts.json"));
  const { objects }: Listing = JSON.parse(text("ours.json"));
  const states: Record<string, string> = { listening: "LISTEN", connected: "ESTAB", unconnected: "UNCONN" };
  const types: Record<string, string> = { stream: "u_str", datagram: "u_dgr", seqpacket: "u_seq" };
  const ours = objects.filter(({ kind }) => kind === "unix-socket").map((object) => {
    const name = object.name === null ? "*" : object.abstract ? `@${object.name}` : object.name;
    const peer = object.peer === null ? "0" : String(object.peer).replace("socket:", "");
    return [types[String(object.type)], states[String(object.state)], object.queued, name, object.id.slice(7), peer]
      .map(String);
  });
  const theirs = text("ss").split("\n").filter((line) => line.includes(`pid=${pid},`)).map((line) => {
    const [type = "", state = "", queued = "", , name = "", inode = "", , peer = ""] = line.trim().split(/\s+/);
    return [type, state, queued, name, inode, peer];
  });
  assert(theirs.length >= leastSockets, text("ss"));
  assertEquals(ours.sort(), theirs.sort());

  // Each descriptor that lsof knows as a pipe, FIFO, socket or shared memory, with its access.
  const files = text("lsof").split(/^f/m).slice(1).map((part) => {
    const field = (letter: string) => part.split("\n").find((line) => line.startsWith(letter))?.slice(1) ?? "";
    return {
      number: part.split("\n")[0] ?? "",
      type: field("t"),
      access: field("a"),
      inode: field("i"),
      name: field("n"),
    };
  });
  const access: Record<string, string> = { r: "read", w: "write", u: "both" };
  const wanted = files.filter(({ number, type, name }) =>
    /^\d+$/.test(number) && (type === "FIFO" || type === "unix" || /^\/dev\/shm|^\/memfd/.test(name))
  );
  assert(wanted.length >= leastFiles, text("lsof"));
  const held = objects.flatMap(({ id, holders }) =>
    holders.filter((holder) => holder.pid === pid).flatMap(({ descriptors, direction }) =>
      descriptors.map((number) => ({ number: String(number), inode: id.split(":").at(-1), direction }))
    )
  );
  assertEquals(
    held.map(({ number, inode }) => [number, inode]).sort(),
    wanted.map(({ number, inode }) => [number, inode]).sort(),
  );
  for (const { number, access: letter } of wanted) {
    const { direction } = held.find((each) => each.number === number)!;
    // A process that has both ends of a pipe can read and write it.
    if (direction !== access[letter]) {
      assertEquals([
        direction,
        held.filter((each) => each.inode === held.find((one) => one.number === number)?.inode).length > 1,
      ], ["both", true]);
    }
  }
}
