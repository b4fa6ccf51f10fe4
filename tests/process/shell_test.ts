import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { $, command, ExitError, pipe, type Shell } from "../../mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";

/** A template without values, from a text. */
function template(text: string): Shell {
  return $(Object.assign([text], { raw: [text] }));
}

/** Command lines that a shell and `$` understand alike. */
const ALIKE: readonly string[] = [
  `echo a  b`,
  `echo 'a  b' "c  d" e\\ f '' ""`,
  `echo a'b'"c"\\d "a\\"b\\\\c\\d\\$e" '\\*'`,
  `printf '%s|' a "b c" 'd"e' "f'g" \\'h\\' ""`,
  `printf '%s\\n' b a c | sort | head -n 2`,
  `sh -c 'echo out; echo err >&2'`,
  `sh -c 'echo out; echo err >&2' 2>&1`,
  `sh -c 'echo out; echo err >&2' 2>/dev/null`,
  `sh -c 'echo out; echo err >&2' >&2`,
  `sh -c 'echo out; echo err >&2' &> /dev/null`,
  `sh -c 'echo out; echo err >&2' 2>&1 | sort -r`,
  `sh -c 'echo out; echo err >&2' |& sort`,
  `sh -c 'echo out; echo err >&2' > f`,
  `echo 2 > f`,
  `< /etc/hostname cat | wc -l`,
  `sh -c 'exit 7'`,
  `sh -c 'kill -TERM $$'`,
  `seq 5 | tail -n +3 | tac`,
  `yes | head -n 3`,
  `echo {} a{b} a=b -x! a#b a~ %1 @ $ "$"`,
];

Deno.test("$ does what bash does with the same line", async () => {
  const cwd = await Deno.makeTempDir({ prefix: "causeway-test-" });
  try {
    for (const line of ALIKE) {
      const bash = await command("bash", ["-c", line], { cwd }).unchecked().output();
      const ours = await template(line.replaceAll("> f", `> ${cwd}/f`)).with({ cwd }).unchecked().output();
      const expected = { line, stdout: bash.stdout, stderr: bash.stderr };
      assertEquals({ line, stdout: ours.stdout, stderr: ours.stderr }, expected);
    }
  } finally {
    await Deno.remove(cwd, { recursive: true });
  }
});

Deno.test("$ hands every interpolated value on byte for byte, whatever a shell would think of it", async () => {
  const hostile = ["; $(id) * ' \" \n - `id` && | > /x", "", " ", "-n", "~", "$HOME", "\\", "a\tb", "é🦕"];
  const { stdout } = await $`printf '%s\0' ${hostile}`;
  assertEquals(stdout.split("\0").slice(0, -1), hostile);
  for (const value of hostile) assertEquals(await $`printf '%s' ${value}x"y"`.text(), `${value}xy`);
});

Deno.test("$ is output() when awaited, and has the verbs of a pipeline", async () => {
  const { stdout, status, stages } = await $`echo hi | cat`;
  assertEquals([stdout, status, stages.length], ["hi\n", { kind: "exited", code: 0 }, 2]);
  assertEquals(await $`echo '{"a":1}'`.json(), { a: 1 });
  assertEquals(await Array.fromAsync($`seq 3`.lines()), ["1", "2", "3"]);
  assertEquals(await $`sh -c 'exit 3'`.with({ stdout: "null" }).status(), { kind: "exited", code: 3 });
  assertEquals($`echo sync | cat`.textSync(), "sync");
  await using running = $`sleep 100 | cat`.spawn();
  assertEquals(running.children.length, 2);
});

Deno.test("$ starts nothing before it is awaited, and anew each time", async () => {
  const file = await Deno.makeTempFile({ prefix: "causeway-test-" });
  try {
    const append = $`echo x >> ${file}`;
    assertEquals(await Deno.readTextFile(file), "");
    await append;
    await append;
    assertEquals(await Deno.readTextFile(file), "x\nx\n");
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("$ fails as a pipeline does, and forgives what it is told to", async () => {
  const error = await assertRejects(async () => await $`sh -c 'exit 3' | cat`, ExitError);
  assertEquals(error.status, { kind: "exited", code: 3 });
  const { status, stages } = await $`sh -c 'exit 3' | cat`.unchecked();
  assertEquals([status, stages[0]?.status], [{ kind: "exited", code: 0 }, { kind: "exited", code: 3 }]);
  assertEquals((await $`sh -c 'exit 3' | cat`.allow(3)).stages.length, 2);
  assertEquals(await $`yes | head -n 1`.text(), "y");
});

Deno.test("$.with gives every program the options, and leaves the tag as it was", async () => {
  const $here = $.with({ cwd: "/usr", env: { WORD: "w" } });
  assertEquals(await $here`sh -c 'pwd; echo $WORD' | cat`.text(), "/usr\nw");
  assertEquals(await $here.with({ env: { WORD: "v" } })`sh -c 'echo $WORD; pwd' 2>&1`.text(), "v\n/usr");
  assertEquals(await $`sh -c 'echo "$WORD"'`.text(), "");
});

Deno.test("$ redirects from and to what is interpolated", async () => {
  await noLeaks(async () => {
    assertEquals(await $`cat < ${{ text: "in" }} | tr a-z A-Z`.text(), "IN");
    assertEquals(await $`tr a-z A-Z < ${new TextEncoder().encode("bytes")}`.text(), "BYTES");
    const { reader, writer } = pipe();
    await $`echo through a pipe > ${writer}`;
    assertEquals(await new Response(reader.readable).text(), "through a pipe\n");
    const path = await Deno.makeTempFile({ prefix: "causeway-test- " });
    await $`echo one > ${path}`;
    await $`echo two >> ${path}`;
    await $`sh -c 'echo three >&2; echo four' >> ${path} 2>&1`;
    assertEquals(await $`sort < ${path}`.text(), "four\none\nthree\ntwo");
    await Deno.remove(path);
  });
});

Deno.test("$ takes a command for a program of the pipeline", async () => {
  const shout = command("tr", ["a-z", "A-Z"], { env: { LC_ALL: "C" } });
  assertEquals(await $`echo loud | ${shout} | cat`.text(), "LOUD");
  assertThrows(() => $`${shout} b`, TypeError, "no arguments can follow it");
  assertThrows(() => $`echo ${shout}`, TypeError, "An argument must be a string");
  // @ts-expect-error: what people write all the same; the message must help.
  assertThrows(() => $`echo ${$`pwd`}`, TypeError, "interpolate what it prints, as in ${await $`pwd`.text()}");
  const result = await $`echo a`;
  // @ts-expect-error: likewise.
  assertThrows(() => $`echo ${result}`, TypeError, "interpolate its stdout");
});

Deno.test("$ refuses redirections that contradict the pipeline", () => {
  assertThrows(() => $`echo a > f | cat`, SyntaxError, "writes to the next one");
  assertThrows(() => $`echo a | cat < f`, SyntaxError, "reads from the one before it");
  assertThrows(() => $`echo a 2>&1 > f`, SyntaxError, "behind the other redirection");
  assertThrows(() => $`echo a >&2 2> f`, SyntaxError, "behind the other redirection");
});

Deno.test("$ pipes standard error alone when 2>&1 stands before the other redirection", async () => {
  await noLeaks(async () => {
    const line = `sh -c 'echo out; echo err >&2' 2>&1 >/dev/null | tr a-z A-Z`;
    assertEquals(await $`sh -c 'echo out; echo err >&2' 2>&1 >/dev/null | tr a-z A-Z`.text(), "ERR");
    assertEquals(await command("bash", ["-c", line]).text(), "ERR");
    assertEquals($`sh -c "echo out; echo err >&2" 2>&1 >/dev/null | tr a-z A-Z`.textSync(), "ERR");
    const path = await Deno.makeTempFile({ prefix: "causeway-test-" });
    const crossed = $`sh -c 'echo out; echo err >&2; exit 3' 2>&1 > ${path} | sh -c 'cat; echo other >&2'`;
    const result = await crossed.unchecked().output();
    assertEquals([result.stdout, result.stderr, await Deno.readTextFile(path)], ["err\n", "other\n", "out\n"]);
    const [, out, err] = crossed.explain().stages[0]!.descriptors;
    assertEquals([out?.what, err?.what], [`the file ${path}`, "a pipe to sh"]);
    await Deno.remove(path);
  });
});

Deno.test("$ ends every program when it is aborted, and leaves nothing behind", async () => {
  await noLeaks(async () => {
    const controller = new AbortController();
    const run = $`sleep 100 | sleep 100`.with({ signal: controller.signal }).output();
    queueMicrotask(() => controller.abort(new Error("enough")));
    await watchdog(10_000, assertRejects(() => run, Error, "enough"));
  });
});

Deno.test("$ reads <(…) through a descriptor, and looks at its programs like at any other", async () => {
  await noLeaks(async () => {
    assertEquals(await $`paste -d, <(seq 3) <(seq 4 6 | tac)`.text(), "1,6\n2,5\n3,4");
    assertEquals(await $`cat <(echo a) - <(echo c) < ${{ text: "b\n" }} | tr a-z A-Z`.text(), "A\nB\nC");
    const line = `diff <(printf 'a\\nb\\n') <(printf 'a\\nc\\n' | cat)`;
    const bash = await command("bash", ["-c", line]).allow(1).text();
    const { stdout, stages } = await template(line).allow(1);
    assertEquals(stdout.trimEnd(), bash);
    assertEquals(stages.map(({ command: [program] }) => program), ["printf", "printf", "cat", "diff"]);
    const error = await assertRejects(async () => await $`cat <(sh -c 'echo x; exit 3')`, ExitError);
    assertEquals([error.status, error.stdout], [{ kind: "exited", code: 3 }, "x\n"]);
    assertEquals(await $`head -n 1 <(yes)`.text(), "y");
    assertEquals($`cat <(echo sync)`.textSync(), "sync");
    const nested = await $`cat <(cat <(echo deep) | tr a-z A-Z)`.text();
    assertEquals(nested, "DEEP");
  });
});
