/** What the tests of semaphores and file locks ask of other processes. */
import "../helpers/open_libc.ts";
import { assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";

const FIXTURES = new URL("../fixtures/", import.meta.url);

/** Another user, as setpriv(1) makes one. */
export const NOBODY = ["setpriv", "--reuid", "65534", "--clear-groups"];
export const NOBODY_UID = 65534;

/** The path of a fixture. */
export const fixture = (name: string): string => fromFileUrl(new URL(name, FIXTURES));

/** Runs a program to its end, which must be a success, and returns its lines. */
export async function lines(...words: string[]): Promise<string[]> {
  const [program = "", ...args] = words;
  const { code, stdout, stderr } = await new Deno.Command(program, { args, stdin: "null" }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trimEnd().split("\n");
}

/** How a Deno fixture is run. */
export interface OutcomeOptions {
  args?: (string | number)[];
  /** What starts Deno, for example `["setpriv", …]`. */
  under?: string[];
  flags?: string[];
}

/** Runs a Deno fixture to its end and returns what it printed. */
export async function outcome(
  name: string,
  { args = [], under = [], flags = ["-A"] }: OutcomeOptions,
): Promise<string> {
  const deno = [Deno.execPath(), "run", "--quiet", "--no-prompt", "--no-lock", "--no-check", ...flags];
  return (await lines(...under, ...deno, fixture(name), ...args.map(String))).join("\n");
}

/** Words that run a program in a namespace of its own, prepared by a line of shell. */
export function inNamespace(flags: string[], prepare: string): string[] {
  return ["unshare", ...flags, "sh", "-c", `${prepare} && exec "$@"`, "sh"];
}

/** Waits until a process's main thread sleeps in one of these system calls, by number. */
export async function sleepsIn(pid: number, ...calls: number[]): Promise<void> {
  while (!calls.includes(parseInt(Deno.readTextFileSync(`/proc/${pid}/syscall`)))) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Numbers of system calls, on the CPU that this test runs on. */
export const SYS = Deno.build.arch === "x86_64"
  ? { futex: 202, semtimedop: 220, flock: 73, fcntl: 72 }
  : { futex: 98, semtimedop: 192, flock: 32, fcntl: 25 };

/** A key that no other test has. It is odd, so never 0. */
export function uniqueKey(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]! | 1;
}

/** Runs a Deno fixture to its end and returns how many system calls its main thread made, the one that runs the JavaScript. */
export async function systemCalls(name: string, ...args: string[]): Promise<number> {
  const log = await Deno.makeTempFile();
  const counting = ["strace", "-c", "-S", "calls", "-o", log];
  await outcome(name, { args, under: counting });
  const text = await Deno.readTextFile(log);
  await Deno.remove(log);
  return Number(/^\s*100\.00\s+\S+\s+\S+\s+(\d+)/m.exec(text)?.[1]);
}
