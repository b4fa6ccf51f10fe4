// Needs: root
import { assert, assertEquals, assertMatch } from "@std/assert";
import { isolatedTest, type ScriptOutcome, withOurs } from "./isolated.ts";

async function run(script: string): Promise<ScriptOutcome> {
  return await withOurs("mq", script, { isolated: true });
}

Deno.test(isolatedTest("mq sends and receives: the highest priority first, then in order", async () => {
  const outcome = await run(`
    T create jobs
    T send jobs one; T send /jobs two; T send jobs urgent --priority 9
    T receive jobs; T receive /jobs; T receive jobs
  `);
  assertEquals(outcome, { code: 0, stdout: "urgent\none\ntwo\n", stderr: "" });
}));

Deno.test(
  isolatedTest(
    "mq send takes a message from standard input byte for byte, and receive --raw gives it back so",
    async () => {
      const { stdout } = await run(`
    T create q
    head -c 8000 /dev/urandom >sent
    T send q <sent; T send q - <sent; T send q -- -dash; : | T send q; T send q ''
    T receive q --raw | cmp - sent && echo same
    T receive q --raw | cmp - sent && echo same
    T receive q
    T receive q --raw | wc -c
    T receive q --raw | wc -c
  `);
      assertEquals(stdout, "same\nsame\n-dash\n0\n0\n");
    },
  ),
);

Deno.test(isolatedTest("mq receive --json tells text, bytes and priority", async () => {
  const { stdout } = await run(`
    T create q
    T send q 'täxt "quoted"' --priority 32767; printf '\\377\\000' | T send q
    echo "["; T receive q --json; echo ","; T receive q --json; echo "]"
  `);
  assertEquals(JSON.parse(stdout), [
    { priority: 32767, text: 'täxt "quoted"', base64: "dMOkeHQgInF1b3RlZCI=" },
    { priority: 0, text: null, base64: "/wA=" },
  ]);
}));

Deno.test(isolatedTest("mq waits for a message, and for room; --timeout ends that with 124", async () => {
  const { stdout, stderr } = await run(`
    T create q --max-messages 1
    T receive q --timeout 0; echo $?
    T receive q --timeout 20; echo $?
    T receive q & T send q first; wait
    T send q second
    T send q third --timeout 20; echo $?
    T send q fourth & T receive q; wait; T receive q
  `);
  assertEquals(stdout, "124\n124\nfirst\n124\nsecond\nfourth\n");
  const late = (verb: string) => `causeway: mq ${verb}: time limit reached\n`;
  assertEquals(stderr, late("receive") + late("receive") + late("send"));
}));

Deno.test(isolatedTest("mq create sets the limits and the mode, and never takes an existing queue", async () => {
  const { stdout, stderr } = await run(`
    T create q --max-messages 3 --message-size 64 --mode 640
    stat -c %a "$MQ/q"
    T create q; echo $?
    T send q "$(printf %65s)"; echo $?
    T ls
  `);
  assertEquals(
    stdout,
    "640\n1\n1\nmessages  max  bytes  message-size  name\n       0    3      0            64  /q\n",
  );
  assertMatch(stderr, /\(EEXIST\)\n.*\(EMSGSIZE\)/);
}));

Deno.test(isolatedTest("mq ls lists every queue with its fill, mq rm removes", async () => {
  const { stdout } = await run(`
    T ls; T ls --json
    T create b --max-messages 2 --message-size 8; T create a; T send b 12345
    T ls --json
    T rm a /b
    ls "$MQ"
  `);
  const [none, some] = stdout.split("]\n");
  assertEquals(JSON.parse(`${none}]`), []);
  assertEquals(JSON.parse(`${some}]`), [
    { name: "/a", bytes: 0, messages: 0, maxMessages: 10, messageSize: 8192 },
    { name: "/b", bytes: 5, messages: 1, maxMessages: 2, messageSize: 8 },
  ]);
}));

Deno.test(isolatedTest("mq ls says what it needs when no mqueue file system is mounted", async () => {
  const { code, stderr } = await run("umount -a -t mqueue; T ls");
  assertEquals(code, 1);
  assertMatch(stderr, /mount -t mqueue none \/dev\/mqueue\n$/);
}));

Deno.test(isolatedTest("mq watch tells of a message that comes into the empty queue, and leaves it there", async () => {
  const { stdout } = await run(`
    T create q; mkfifo said
    T watch q --json --count 2 >said &
    exec 7<said
    read -r line <&7; echo "$line"
    T watch q 2>busy; echo $?; grep -c EBUSY busy
    T send q one; read -r line <&7; echo "$line"
    T receive q; T send q two; read -r line <&7; echo "$line"
    wait
    T receive q
  `);
  const lines = stdout.trim().split("\n");
  const events = lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
  assertEquals(events.map(({ event, name, messages }) => [event, name, messages]), [
    ["watching", "/q", 0],
    ["arrived", "/q", 1],
    ["arrived", "/q", 1],
  ]);
  assert(events.every(({ time }) => !Number.isNaN(Date.parse(time))));
  assertEquals(lines.filter((line) => !line.startsWith("{")), ["1", "1", "one", "two"]);
}));

/** Command lines that make no sense, and what is said of them. */
const WRONG: readonly (readonly [args: string, said: RegExp])[] = [
  ["", /mq: what\? There are create, send/],
  ["sned q x", /unknown verb "sned": did you mean "send"\?/],
  ["send", /NAME \[MESSAGE\]/],
  ["send q a b", /NAME \[MESSAGE\]/],
  ["send q a --priority x", /--priority takes a whole number/],
  ["send q a --prio 1", /unknown option "--prio"/],
  ["receive", /which queue/],
  ["receive a b", /one queue at a time/],
  ["receive q --json --raw", /not both/],
  ["receive q --timeout soon", /takes milliseconds/],
  ["create a/b", /must be a slash and then characters other than a slash/],
  ["create q --mode 9", /octal/],
  ["create q --max-messages 0", /maxMessages must be/],
  ["ls q", /takes no argument/],
  ["rm", /NAME\.\.\./],
];

for (const [args, said] of WRONG) {
  Deno.test(`mq refuses a wrong command line: mq ${args}`, async () => {
    const { code, stdout, stderr } = await withOurs("mq", `T ${args}`);
    assertEquals({ code, stdout }, { code: 2, stdout: "" });
    assertMatch(stderr, said);
  });
}

Deno.test("mq --help is one page", async () => {
  const { stdout, code } = await withOurs("mq", "T --help; T send --help");
  assertEquals(code, 0);
  const [first, second] = stdout.split(/(?=^causeway mq: )/m);
  assertEquals(first, second);
});
