/** Running a fixture in a Deno process of its own, with the flags that it needs and no more. */
import "../helpers/open_libc.ts";
import { assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";

const FIXTURES = fromFileUrl(new URL("../fixtures/", import.meta.url));

/** How a fixture is run. */
export interface FixtureRun {
  /** Permissions, for example `["--allow-ffi"]`. */
  flags: readonly string[];
  args?: readonly string[];
  /** What starts Deno, for example `["unshare", "-m"]`. */
  through?: readonly string[];
  env?: Record<string, string>;
  /** Standard input; nothing when left out. */
  stdin?: "piped" | "null";
}

/** The command that runs a fixture. */
export function fixtureCommand(name: string, run: FixtureRun): Deno.Command {
  const deno = [Deno.execPath(), "run", "--quiet", "--no-prompt", ...run.flags, FIXTURES + name, ...run.args ?? []];
  const [program = "", ...args] = [...run.through ?? [], ...deno];
  const env = { NO_COLOR: "1", ...run.env };
  return new Deno.Command(program, { args, env, stdin: run.stdin ?? "null", stdout: "piped", stderr: "piped" });
}

/** Runs a fixture to its end and returns what it printed. It must succeed. */
export async function outputOf(name: string, run: FixtureRun): Promise<string> {
  const { code, signal, stdout, stderr } = await fixtureCommand(name, run).output();
  assertEquals({ code, signal }, { code: 0, signal: null }, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

/** Runs a fixture that fails, and returns what it says on standard error. */
export async function failureOf(name: string, run: FixtureRun): Promise<string> {
  const { code, stderr } = await fixtureCommand(name, run).output();
  assertEquals(code, 1);
  return new TextDecoder().decode(stderr);
}

/** A program compiled from a C fixture, deleted after use. */
export class Compiled implements Disposable {
  readonly #folder = new TempFolder();
  readonly path: string = this.#folder.at("program");

  constructor(name: string) {
    const args = ["-O2", "-Wall", "-Werror", "-o", this.path, FIXTURES + name];
    const { success, stderr } = new Deno.Command("gcc", { args }).outputSync();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
  }

  /** Runs it to its end and returns its output. */
  async run(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await new Deno.Command(this.path, { args }).output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout);
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }
}

/** A fresh directory, removed at the end whatever is in it. */
export class TempFolder implements Disposable {
  readonly path: string = Deno.makeTempDirSync({ prefix: "causeway-test-" });

  /** A path inside. */
  at(name: string): string {
    return `${this.path}/${name}`;
  }

  /** The names inside, sorted. */
  get names(): string[] {
    return Array.from(Deno.readDirSync(this.path), (entry) => entry.name).sort();
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

/** Bytes of a text, and back. */
export const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
export const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
