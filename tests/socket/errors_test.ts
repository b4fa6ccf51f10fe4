// Needs: strace, setpriv, prlimit, python3, root
/** The errors of the manual pages that only the kernel, or another user, can provoke. */
import { assertEquals, assertRejects } from "@std/assert";
import { PosixError } from "../../lib/errors.ts";
import { bindUnix, connectUnix, listenUnix } from "../../lib/socket/mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { Room, textOf } from "./peer_process.ts";

const FIXTURE = new URL("../fixtures/socket_errors.ts", import.meta.url).pathname;

/** What the fixture says, started by these words. */
async function outcome(words: string[], what: string, room: Room): Promise<string> {
  const [program = "", ...args] = [
    ...words,
    Deno.execPath(),
    "run",
    "--allow-all",
    "--no-lock",
    FIXTURE,
    what,
    room.path,
  ];
  const { stdout, stderr } = await new Deno.Command(program, { args, env: { NO_COLOR: "1" } }).output();
  return textOf(stdout).trim() || textOf(stderr);
}

/** Each error comes once; the same works right after it. EINTR is not seen at all. */
const INJECTED: [what: string, syscall: string, codes: string[]][] = [
  ["socketPair", "socketpair", ["EMFILE", "ENFILE", "ENOMEM", "EAFNOSUPPORT", "EOPNOTSUPP"]],
  ["listenUnix", "socket", ["EMFILE", "ENFILE", "ENOMEM", "ENOBUFS", "EACCES"]],
  ["listenUnix", "bind", ["EACCES", "ENOMEM", "EROFS", "EPERM"]],
  ["listenUnix", "listen", ["EADDRINUSE", "EOPNOTSUPP"]],
  ["bindUnix", "bind", ["EROFS", "ENOSPC"]],
  ["connectUnix", "connect", ["ENOMEM", "ECONNRESET", "EPERM"]],
  ["accept", "accept4", ["ECONNABORTED", "EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "EPERM", "EPROTO", "EINTR"]],
  ["sendDescriptors", "sendmsg", ["ENOBUFS", "ENOMEM", "EPIPE", "ECONNRESET", "EACCES", "EINTR"]],
  ["receiveDescriptors", "recvmsg", ["ENOMEM", "ECONNREFUSED", "ECONNRESET", "EINTR"]],
];

/** glibc calls `send` and `recv` by these names. */
const RENAMED: [what: string, syscall: string, said: string, codes: string[]][] = [
  ["send", "sendto", "send", ["ENOBUFS", "ENOMEM", "EACCES", "EINTR"]],
  ["write", "sendto", "send", ["ENOBUFS", "ECONNRESET", "EINTR"]],
  ["receive", "recvfrom", "recv", ["ENOMEM", "ECONNREFUSED", "EINTR"]],
  ["read", "recvfrom", "read", ["ENOMEM", "ECONNRESET", "EINTR"]],
];

for (
  const [what, syscall, said, codes] of [
    ...INJECTED.map(([what, call, codes]) => [what, call, call, codes] as const),
    ...RENAMED,
  ]
) {
  Deno.test(`${what}: ${codes.join(", ")} of ${syscall}(2), and nothing stays open`, async () => {
    await watchdog(60_000, async () => {
      await Promise.all(codes.map(async (code) => {
        using room = new Room();
        using _listener = await listenUnix(room.at("listener"));
        // Deno itself makes one pair when it starts.
        const when = syscall === "socketpair" ? 2 : 1;
        const words = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", `inject=${syscall}:error=${code}:when=${when}`];
        assertEquals(await outcome(words, what, room), code === "EINTR" ? "ok ok" : `${said} ${code} ok`);
        assertEquals(room.names, ["listener"]);
      }));
    });
  });
}

Deno.test("sendDescriptors throws ETOOMANYREFS when more are under way than open files are allowed", async () => {
  await watchdog(60_000, async () => {
    using room = new Room();
    const words = ["setpriv", "--bounding-set=-sys_admin,-sys_resource", "prlimit", "--nofile=60:60"];
    assertEquals(await outcome(words, "tooManyUnderWay", room), "sendmsg ETOOMANYREFS sendmsg ETOOMANYREFS");
  });
});

Deno.test("connectUnix and send throw EACCES without the right to write to the name", async () => {
  await watchdog(60_000, async () => {
    const words = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"];
    for (const [what, call] of [["connectForbidden", "connect"], ["sendForbidden", "sendmsg"]] as const) {
      using room = new Room();
      using _socket = what === "sendForbidden"
        ? await bindUnix(room.at("forbidden"))
        : await listenUnix(room.at("forbidden"));
      Deno.chownSync(room.at("forbidden"), 65534, 65534);
      assertEquals(await outcome(words, what, room), `${call} EACCES ${call} EACCES`);
    }
  });
});

Deno.test("connectUnix, listenUnix and bindUnix throw ELOOP and ENOTDIR where the directory is none", async () => {
  await noLeaks(async () => {
    using room = new Room();
    Deno.symlinkSync("loop", room.at("loop"));
    Deno.writeTextFileSync(room.at("file"), "");
    for (const [directory, code] of [["loop", "ELOOP"], ["file", "ENOTDIR"], ["none", "ENOENT"]]) {
      const path = room.at(`${directory}/s`);
      for (const open of [() => connectUnix(path), () => listenUnix(path), () => bindUnix(path)]) {
        assertEquals((await assertRejects(open, PosixError)).code, code);
      }
    }
    assertEquals((await assertRejects(() => connectUnix(room.at("loop")), PosixError)).code, "ELOOP");
  });
});
