import { assertEquals } from "@std/assert";
import { shell } from "./tool.ts";

/** Shell scripts in which `T` is pipesz; util-linux 2.39 has it, which is not installed here: the manual page is the oracle. */
const CASES: readonly (readonly [script: string, code: number, stdout: string, stderr: string])[] = [
  ["echo hello | T --get", 0, "fd 0\t65536\t6\n", ""],
  ["echo hello | T -gv", 0, "pipe\tsize\tunread\nfd 0\t65536\t6\n", ""],
  ["(sleep 1; echo) | T -g -i -n 0 | sort -u", 0, "fd 0\t65536\t0\n", ""],
  ["T --get", 0, "", "pipesz: cannot get pipe buffer size of fd 0: Bad file descriptor\n"],
  ["T --get -q", 0, "", ""],
  ["T --get -c", 1, "", "pipesz: cannot get pipe buffer size of fd 0: Bad file descriptor\n"],
  ["T --get -c -n 77", 1, "", "pipesz: cannot get pipe buffer size of fd 77: Bad file descriptor\n"],
  ["T --get -f /nonexistent", 0, "", "pipesz: cannot open /nonexistent: No such file or directory\n"],
  ["T --get x", 1, "", "pipesz: cannot specify a command with --get\n"],
  ["T --get -s 1", 1, "", "pipesz: mutually exclusive arguments: --get --set\n"],
  ["T -s x", 1, "", "pipesz: invalid size: 'x': Invalid argument\n"],
  ["T -n x", 1, "", "pipesz: invalid fd argument: 'x'\n"],
  ["T -z", 1, "", "pipesz: invalid option -- 'z'\nTry 'pipesz --help' for more information.\n"],
  ["T -v -s 200K | cat", 0, "", "pipesz: fd 1 pipe buffer size set to 262144\n"],
  ["T -v -s 1 -s 8192 | cat", 0, "", "pipesz: using last specified size\npipesz: fd 1 pipe buffer size set to 8192\n"],
  ["(T -v -s 4096 -e) 2>&1 | cat", 0, "pipesz: fd 2 pipe buffer size set to 4096\n", ""],
  ["T -s 8K echo hi | cat", 0, "hi\n", ""],
  ["T -q sh -c 'exit 7'", 7, "", ""],
  ["T -q -- /nonexistent", 127, "", "pipesz: failed to execute /nonexistent: No such file or directory\n"],
  ["T -q /etc/passwd", 126, "", "pipesz: failed to execute /etc/passwd: Permission denied\n"],
  ["T -q sh -c 'echo kept >&3' 3>&1", 0, "kept\n", ""],
  ["T -q sh -c 'yes | head -n 1'", 0, "y\n", ""],
];

for (const [script, code, stdout, stderr] of CASES) {
  Deno.test(`pipesz as util-linux has it: ${script}`, async () => {
    assertEquals(await shell("pipesz", script), { code, stdout, stderr });
  });
}

Deno.test("pipesz --set without a size takes what fs.pipe-max-size allows", async () => {
  const most = Deno.readTextFileSync("/proc/sys/fs/pipe-max-size").trim();
  const { stderr } = await shell("pipesz", "T -v | cat");
  assertEquals(stderr, `pipesz: fd 1 pipe buffer size set to ${most}\n`);
});
