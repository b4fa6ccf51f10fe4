import { assertEquals, assertThrows } from "@std/assert";
import { parseShell, type Redirection, type ShellPipeline } from "../../lib/process/shell_syntax.ts";

/** As `$` is called. */
function parse(strings: TemplateStringsArray, ...values: unknown[]): ShellPipeline {
  return parseShell(strings.raw, values);
}

/** The words of a template with one stage. */
function words(pipeline: ShellPipeline): unknown {
  assertEquals(pipeline.stages.length, 1);
  return pipeline.stages[0]!.words;
}

const hostile = `; $(rm -rf /) * ' " \n -`;

const WORDS: readonly (readonly [pipeline: ShellPipeline, expected: readonly unknown[]])[] = [
  [parse`echo a  b`, ["echo", "a", "b"]],
  [
    parse`
    echo a
  `,
    ["echo", "a"],
  ],
  [parse`echo 'a  b' "c  d" e\ f`, ["echo", "a  b", "c  d", "e f"]],
  [parse`echo '' ""`, ["echo", "", ""]],
  [parse`echo a'b'"c"\d`, ["echo", "abcd"]],
  [parse`echo "a\"b\\c\d\$e"`, ["echo", 'a"b\\c\\d$e']],
  [parse`echo 'a\b' \\ \' \*`, ["echo", "a\\b", "\\", "'", "*"]],
  [
    parse`echo a\
b \
  c`,
    ["echo", "ab", "c"],
  ],
  [parse`echo $ a$ "$" a=$`, ["echo", "$", "a$", "$", "a=$"]],
  [parse`echo {} a{b} a=b -x! a#b a~ %1 @`, ["echo", "{}", "a{b}", "a=b", "-x!", "a#b", "a~", "%1", "@"]],
  [parse`echo ${hostile}`, ["echo", hostile]],
  [parse`echo ${""}`, ["echo", ""]],
  [parse`echo ${["a b", "", "*"]} c`, ["echo", "a b", "", "*", "c"]],
  [parse`echo ${[]}`, ["echo"]],
  [parse`echo --x=${hostile}y ${1}${2}`, ["echo", `--x=${hostile}y`, "12"]],
  [parse`echo "a ${hostile} b" 'c ${3n}'`, ["echo", `a ${hostile} b`, "c 3"]],
  [parse`cat ${new URL("file:///a%20b")} ${new URL("https://example.com/?q=1")}`, [
    "cat",
    "/a b",
    "https://example.com/?q=1",
  ]],
  [parse`${["echo", "a"]} b`, ["echo", "a", "b"]],
  [parse`echo \${x}`, ["echo", "${x}"]],
  [parse`echo ünï€ 🦕`, ["echo", "ünï€", "🦕"]],
];

Deno.test("parseShell splits into words, takes quotes away, and takes an interpolation as one argument", () => {
  for (const [pipeline, expected] of WORDS) assertEquals(words(pipeline), expected);
});

function redirection(descriptor: 0 | 1 | 2, kind: Redirection["kind"], target: Redirection["target"]): Redirection {
  return { descriptor, kind, target };
}

const both = { descriptor: 2, kind: "same", target: 1 } as const;
const sink = new WritableStream();

const REDIRECTIONS: readonly (readonly [pipeline: ShellPipeline, expected: readonly Redirection[]])[] = [
  [parse`x < a > b`, [redirection(0, "read", "a"), redirection(1, "write", "b")]],
  [parse`x <a>b`, [redirection(0, "read", "a"), redirection(1, "write", "b")]],
  [parse`> b x`, [redirection(1, "write", "b")]],
  [parse`x >> b 2> c 2>> d 1> e`, [
    redirection(1, "append", "b"),
    redirection(2, "write", "c"),
    redirection(2, "append", "d"),
    redirection(1, "write", "e"),
  ]],
  [parse`x > b 2>&1`, [redirection(1, "write", "b"), both]],
  [parse`x 2>&1 > b`, [both, redirection(1, "write", "b")]],
  [parse`x >&2`, [redirection(1, "same", 2)]],
  [parse`x &> b`, [redirection(1, "write", "b"), both]],
  [parse`x &>> b`, [redirection(1, "append", "b"), both]],
  [parse`x > ${"a b"}`, [redirection(1, "write", "a b")]],
  [parse`x > "a "${"b"}`, [redirection(1, "write", "a b")]],
  [parse`x > ${sink}`, [redirection(1, "write", sink)]],
];

Deno.test("parseShell reads redirections in their order", () => {
  for (const [pipeline, expected] of REDIRECTIONS) {
    assertEquals(words(pipeline), ["x"]);
    assertEquals(pipeline.stages[0]!.redirections, expected);
  }
});

Deno.test("parseShell takes digits before a blank, or at the end of a word, for text", () => {
  assertEquals(parse`echo 2 > f`.stages[0]!.words, ["echo", "2"]);
  assertEquals(parse`echo a2>f`.stages, [{ words: ["echo", "a2"], redirections: [redirection(1, "write", "f")] }]);
});

Deno.test("parseShell joins stages by |, and by |& with standard error", () => {
  const stage = (...words: string[]) => ({ words, redirections: [] });
  assertEquals(parse`a x|b | c`.stages, [stage("a", "x"), stage("b"), stage("c")]);
  assertEquals(
    parse`a |
    b`.stages,
    [stage("a"), stage("b")],
  );
  assertEquals(parse`a > f |& b`.stages, [
    { words: ["a"], redirections: [redirection(1, "write", "f"), both] },
    stage("b"),
  ]);
});

Deno.test("parseShell reads <(…) as a word, and an object alone as a value", () => {
  const inner = { stages: [{ words: ["sort", "a"], redirections: [] }, { words: ["uniq"], redirections: [] }] };
  assertEquals(words(parse`diff <(sort a | uniq) <( b )`), [
    "diff",
    { substitution: inner },
    { substitution: { stages: [{ words: ["b"], redirections: [] }] } },
  ]);
  assertEquals(words(parse`${sink}`), [{ value: sink }]);
});

const SYNTAX: readonly (readonly [run: () => unknown, said: string])[] = [
  [() => parse``, "needs a program"],
  [() => parse`a |`, "needs a program"],
  [() => parse`| a`, "needs a program"],
  [() => parse`> f`, "needs a program"],
  [() => parse`echo $HOME`, 'interpolate the value, as in ${Deno.env.get("HOME")}'],
  [() => parse`echo "$HOME"`, "or use single quotes"],
  [() => parse`echo $(pwd)`, "await $`pwd`.text()"],
  [() => parse`echo "$(pwd)"`, "await $`pwd`.text()"],
  [() => parse`echo *.ts`, "does not expand patterns"],
  [() => parse`echo a?`, "does not expand patterns"],
  [() => parse`[ -f x ]`, "does not expand patterns"],
  [() => parse`echo {a,b}`, "does not expand braces"],
  [() => parse`echo {1..3}`, "does not expand braces"],
  [() => parse`echo ~/x`, "does not expand ~"],
  [() => parse`echo # x`, "has no comments"],
  [() => parse`a; b`, "await one after the other"],
  [() => parse`a && b`, "a failure throws"],
  [() => parse`a || b`, "has no ||"],
  [() => parse`a &`, "call .spawn()"],
  [
    () =>
      parse`a
b`,
    "end the line with |",
  ],
  [() => parse`(a)`, "has no subshells"],
  [() => parse`! a`, "has no !"],
  [() => parse`A=b c`, ".with({ env: { NAME: value } })"],
  [() => parse`a 3> f`, "for others use .with({ descriptors"],
  [() => parse`a 2< f`, "cannot read from descriptor 2"],
  [() => parse`a 0> f`, "cannot write to descriptor 0"],
  [() => parse`a << EOF`, "interpolate the text"],
  [() => parse`a <<< x`, "interpolate the text"],
  [() => parse`a >&3`, "takes 1 or 2 after >&"],
  [() => parse`a >| f`, "has no >|"],
  [() => parse`a <> f`, "has no <>"],
  [() => parse`a > `, "needs a file"],
  [() => parse`a > | b`, "needs a file"],
  [() => parse`a >(b)`, "has no >(…)"],
  [() => parse`a <(b`, "needs a )"],
  [() => parse`a 'b`, "needs a ' that ends"],
  [() => parse`a "b`, 'needs a " that ends'],
  [() => parse`a > ${["x", "y"]}`, "takes one file"],
];

Deno.test("parseShell refuses what it does not do, and says what to use instead", () => {
  for (const [run, said] of SYNTAX) assertThrows(run, SyntaxError, said);
});

Deno.test("parseShell shows the place of a mistake", () => {
  const error = assertThrows(() => parse`echo ${"x"} *.ts`, SyntaxError);
  assertEquals(error.message.split("\n").slice(1), ["  echo ${…} *.ts", "            ^"]);
});

Deno.test("parseShell refuses values that can be no argument", () => {
  for (const value of [undefined, null, true, Symbol("x"), () => 1]) {
    assertThrows(() => parse`echo ${value}`, TypeError, "must be a string, a number, a URL");
    assertThrows(() => parse`echo ${[value]}`, TypeError, "must be a string, a number, a URL");
  }
  assertThrows(() => parse`echo a${["b"]}`, TypeError, "must be a word of its own");
  assertThrows(() => parse`echo "${{}}"`, TypeError, "must be a string");
});
