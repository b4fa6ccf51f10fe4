// Needs: perl, root
import { assertEquals, assertMatch } from "@std/assert";
import { isolatedTest, type ScriptOutcome, withOurs, withTheirs } from "./isolated.ts";

/** Two objects of each kind, one with a key. Ids are 0 and 1. */
const SETUP = `
  ipcmk -M 100 -Q -S 2 >made
  perl -e 'shmget(0x2a, 10, 01600) // die; msgget(-7, 01600) // die; semget(0x2c, 1, 01600) // die'
`;

/** What is left, without the random keys. */
const LEFT = "; echo code $?; ipcs | sed 's/^0x........ /0xKEY /'";

/** Scripts of which ours must have the output, the complaints, the exit code and the effects of util-linux; T is the tool. */
const SAME = [
  "T",
  "T -m 0",
  "T -q 0 -s 1",
  "T -m 0 -m 1 -q 1",
  "T -v -m 0 -q 0 -s 0",
  "T --shmem-id 0 --queue-id=1 --semaphore-id 0",
  "T -M 42",
  "T -M 0x2a -Q -7 -S 054",
  "T -Q 0xfffffff9",
  "T -Q 4294967289",
  "T -vM 0x2A",
  "T --shmem-key 42 --queue-key -7 --semaphore-key 44",
  "T -m 99",
  "T -m 99 -m 0",
  "T -q 99 -s 99",
  "T -m x",
  "T -m -1",
  "T -m 99999999999",
  "T -m ''",
  "T -M 0x99",
  "T -Q 5 -S 6 -m 0",
  "T -M 0",
  "T -M x",
  "T -M 08",
  "T -M 99999999999999999999999",
  "T shm 0",
  "T shm 0 1",
  "T msg 1 sem",
  "T sem 0 99 1",
  "T shm",
  "T shm -1",
  "T shm x 0",
  "T -a",
  "T -va",
  "T --all=shm",
  "T -asem -v",
  "T --all=msg",
  "T --all=foo",
  "T -a=shm",
  "T -a shm",
  "T -m 0 foo",
  "T foo",
  "T -z",
  "T -m",
  "T --shmem 0",
  "T --semaphore-i 0",
];

for (const script of SAME) {
  Deno.test(isolatedTest(`ipcrm does what util-linux does: ${script}`, async () => {
    const whole = SETUP + script + LEFT;
    const [ours, theirs] = await Promise.all([
      withOurs("ipcrm", whole, { isolated: true }),
      withTheirs("ipcrm", whole, { isolated: true }),
    ]);
    assertMatch(ours.stdout, /------ Message Queues --------/);
    assertEquals(ours, theirs);
  }));
}

Deno.test(isolatedTest("ipcrm does what util-linux does: another user's objects, without privileges", async () => {
  const script = `
    for mode in 0 644; do setpriv --reuid 65534 --clear-groups ipcmk -M 100 -Q -S 1 -p $mode >made; done
    PREFIX='setpriv --bounding-set=-all --inh-caps=-all'
    T -m 0; T -q 0; T -s 0
    T -v -a; echo $?
    ipcs | grep -c ^0x
  `;
  const theirs = await withTheirs("ipcrm", script, { isolated: true });
  assertMatch(theirs.stderr, /permission denied for id \(0\)/);
  assertEquals(await withOurs("ipcrm", script, { isolated: true }), theirs);
}));

Deno.test(isolatedTest("ipcrm removes POSIX objects by name, with or without the slash", async () => {
  const outcome = await run(`
    OURS sem create one; OURS sem create two; OURS mq create three; echo x >/dev/shm/four
    T --posix-semaphore one --posix-semaphore=/two --posix-mqueue /three --posix-shmem four -v
    ls /dev/shm "$MQ" | grep -v :
    T --posix-semaphore one; echo $?
    T --posix-shmem /none; echo $?
    T --posix-mqueue $(printf %300s | tr ' ' x) 2>long; echo $?
    sed 's/x\\{9,\\}/LONG/' long
  `);
  assertEquals(outcome, {
    code: 0,
    stdout: "\n1\n1\n1\nipcrm: name `LONG' too long\n",
    stderr: "ipcrm: name `one' not found\nipcrm: name `/none' not found\n",
  });
}));

Deno.test(
  isolatedTest("ipcrm -a removes one category of POSIX objects, and without a category none of them", async () => {
    const { stdout } = await run(`
    OURS sem create s; OURS mq create q; echo x >/dev/shm/m
    T -a; ls /dev/shm "$MQ" | grep -v :
    T --all=psem; ls /dev/shm
    T --all=pmsg -v; ls "$MQ"
    T -apshm; ls /dev/shm
  `);
    assertEquals(
      stdout,
      "m\nsem.s\n\nq\n" + "m\n" + "removing POSIX message queue `/q'\n",
    );
  }),
);

async function run(script: string): Promise<ScriptOutcome> {
  return await withOurs("ipcrm", script, { isolated: true });
}
