// Needs: root
import { assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { causeway } from "../causeway.ts";
import { isolatedTest, withOurs, withTheirs } from "./isolated.ts";

/** What there is then, without the random keys. */
const MADE = "; echo code $?; ipcs | sed 's/^0x........ /0xKEY /'";

/** Scripts of which ours must have the output, the complaints, the exit code and the effects of util-linux; T is the tool. */
const SAME = [
  "T",
  "T -M 4096",
  "T -M 1",
  "T -Q",
  "T -S 3",
  "T -S 600",
  "T -M 1KiB -Q -S 2 -p 600",
  "T --shmem=5 --queue --semaphore 1 --mode 0666",
  ...["1K", "1KB", "1kib", "2M", "1.5M", "0x10", "010", " 7", "+7", "2MB", "3k"].map((size) => `T -M '${size}'`),
  ...["x", "0", "-5", "", "5x", "2Kx", "16E", "99E", "99Z", "1.5", "K"].map((size) => `T -M '${size}'`),
  ...["0", "x", "-1", "1x", "1000000", "99999999999", ""].map((number) => `T -S '${number}'`),
  ...["0", "7", "777", "0644", "12345"].map((mode) => `T -Q -p ${mode}`),
  "T -p 600",
  "T -Q foo",
  "T -Qx",
  "T -M",
  "T --s 5",
  "T --shm 5",
  "T --queue=1",
  "T --bogus",
];

for (const script of SAME) {
  Deno.test(isolatedTest(`ipcmk does what util-linux does: ${script}`, async () => {
    const [ours, theirs] = await Promise.all([
      withOurs("ipcmk", script + MADE, { isolated: true }),
      withTheirs("ipcmk", script + MADE, { isolated: true }),
    ]);
    assertMatch(ours.stdout, /------ Message Queues --------/);
    assertEquals(ours, theirs);
  }));
}

Deno.test(isolatedTest("ipcmk refuses a mode that is none", async () => {
  const { stdout, stderr } = await withOurs("ipcmk", "T -Q -p 999; echo $?; T -Q -p xyz; echo $?", { isolated: true });
  assertEquals({ stdout, stderr }, {
    stdout: "1\n1\n",
    stderr: "ipcmk: failed to parse mode: '999'\nipcmk: failed to parse mode: 'xyz'\n",
  });
}));

Deno.test("ipcmk says which permission is missing", async () => {
  for (const option of [["-Q"], ["-M", "1"], ["-S", "1"]]) {
    const { code, stderr } = await causeway(["ipcmk", ...option], { flags: [] });
    assertEquals(code, 1);
    assertMatch(stderr, /^ipcmk: Requires ffi access to [^\n]*--allow-ffi flag\n$/);
  }
});

Deno.test(isolatedTest("ipcmk takes another key each time", async () => {
  const { stdout } = await withOurs("ipcmk", "T -Q; T -Q; ipcs -q | grep ^0x | cut -c1-10", { isolated: true });
  const [, , first, second] = stdout.split("\n");
  assertMatch(first ?? "", /^0x[0-9a-f]{8}$/);
  assertNotEquals(first, second);
}));

Deno.test(isolatedTest("ipcmk -S makes a set that those who wait for sem_otime can use at once", async () => {
  const { stdout } = await withOurs("ipcmk", "T -S 2; ipcs -s -i 0 | grep otime", { isolated: true });
  assertMatch(stdout, /otime = \w{3} \w{3}/);
}));
