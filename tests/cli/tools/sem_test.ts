// Needs: gcc, root
import { assertEquals, assertMatch } from "@std/assert";
import { isolatedTest, type ScriptOutcome, withOurs } from "./isolated.ts";

async function run(script: string): Promise<ScriptOutcome> {
  return await withOurs("sem", script, { isolated: true });
}

Deno.test(
  isolatedTest("sem ls and sem value tell names and values, also as JSON, and mark what is no semaphore", async () => {
    const { stdout, stderr } = await run(`
    T create b --value 2; T create a; : >/dev/shm/sem.short; : >/dev/shm/other
    T ls; T value b --json | tr -d ' \\n'; T ls --json | tr -d ' \\n'
  `);
    const list = "value  name\n    0  /a\n    2  /b\n    -  /short\n";
    const json =
      `{"name":"/b","value":2}[{"name":"/a","value":0},{"name":"/b","value":2},{"name":"/short","value":null}]`;
    assertEquals({ stdout, stderr }, { stdout: list + json, stderr: "" });
  }),
);

Deno.test(isolatedTest("sem creates, posts, waits, tells the value and removes", async () => {
  const outcome = await run(`
    T create s --value 2; T value s
    T wait s; T wait /s; T value s
    T post s; T value /s; T post s --count 3; T value s
    T rm s; ls /dev/shm
  `);
  assertEquals(outcome, { code: 0, stdout: "2\n0\n1\n4\n", stderr: "" });
}));

Deno.test(isolatedTest("sem wait waits for a post; --timeout ends that with 124", async () => {
  const { stdout, stderr } = await run(`
    T create s
    T wait s --timeout 0; echo $?
    T wait s --timeout 20; echo $?
    T wait s && echo taken &
    T post s; wait
    T value s
  `);
  assertEquals(stdout, "124\n124\ntaken\n0\n");
  assertEquals(stderr, "causeway: sem wait: time limit reached\n".repeat(2));
}));

Deno.test(isolatedTest("sem lets so many in as it was created with", async () => {
  const { stdout } = await run(`
    T create s --value 1; echo 0 >n
    add() { T wait s; read -r n <n; echo $((n + 1)) >n; T post s; }
    add & add & add & add &
    wait
    cat n
  `);
  assertEquals(stdout, "4\n");
}));

Deno.test(isolatedTest("sem works on the semaphores of C", async () => {
  const { stdout, stderr } = await run(`
    cat >c.c <<'C'
    #include <fcntl.h>
    #include <semaphore.h>
    #include <stdio.h>
    int main(void) {
      sem_t *s = sem_open("/c", O_CREAT | O_EXCL, 0600, 1);
      if (s == SEM_FAILED) return perror("sem_open"), 1;
      puts("made"); fflush(stdout);
      sem_wait(s); sem_wait(s);
      puts("through");
      return 0;
    }
C
    gcc -o c c.c -pthread || exit
    mkfifo said; ./c >said & exec 7<said
    read -r line <&7; echo "$line"
    T post c
    read -r line <&7; echo "$line"
    wait; T value c
  `);
  assertEquals({ stdout, stderr }, { stdout: "made\nthrough\n0\n", stderr: "" });
}));

Deno.test(isolatedTest("sem create sets the mode, and never takes an existing semaphore", async () => {
  const { stdout, stderr } = await run(`
    T create s --mode 660; stat -c %a /dev/shm/sem.s
    T create s; echo $?
    T value none; echo $?
    T rm none; echo $?
  `);
  assertEquals(stdout, "660\n1\n1\n1\n");
  assertMatch(stderr, /\(EEXIST\)\n.*\(ENOENT\)\n.*\(ENOENT\)\n/);
}));

/** Command lines that make no sense, and what is said of them. */
const WRONG: readonly (readonly [args: string, said: RegExp])[] = [
  ["", /sem: what\? There are create, post/],
  ["wiat s", /unknown verb "wiat": did you mean "wait"\?/],
  ["create", /which semaphore/],
  ["post a b", /one semaphore at a time/],
  ["create s --value x", /--value takes a whole number/],
  ["create s --value 2147483648", /value must be an integer/],
  ["create s --mode 9", /octal/],
  ["create a/b", /slash/],
  ["wait s --timeout soon", /takes milliseconds/],
  ["value s --jsno", /unknown option "--jsno"/],
  ["ls s", /takes no argument/],
  ["rm", /NAME\.\.\./],
];

for (const [args, said] of WRONG) {
  Deno.test(`sem refuses a wrong command line: sem ${args}`, async () => {
    const { code, stdout, stderr } = await withOurs("sem", `T ${args}`);
    assertEquals({ code, stdout }, { code: 2, stdout: "" });
    assertMatch(stderr, said);
  });
}
