/** Runs a fixture under other circumstances: another user, a namespace, a tracer. */
import { fromFileUrl } from "@std/path";

const FIXTURES = new URL("../fixtures/", import.meta.url);

/** The command of a TypeScript fixture. */
export function denoCommand(fixture: string, ...args: string[]): string[] {
  return [Deno.execPath(), "run", "-A", "--no-check", fromFileUrl(new URL(fixture, FIXTURES)), ...args];
}

/** The path of a fixture. */
export function fixture(name: string): string {
  return fromFileUrl(new URL(name, FIXTURES));
}

/** Runs a command to its end with some input, and returns what it wrote and how it ended. */
export async function run(command: string[], input = ""): Promise<{ lines: string[]; status: Deno.CommandStatus }> {
  const [program = "", ...args] = command;
  const child = new Deno.Command(program, { args, stdin: "piped", stdout: "piped", stderr: "inherit" }).spawn();
  const writer = child.stdin.getWriter();
  // A child that ends before it has read everything is not this function's business.
  await writer.write(new TextEncoder().encode(input)).then(() => writer.close()).catch(() => {});
  const output = await child.output();
  const { success, code, signal } = output;
  const lines = new TextDecoder().decode(output.stdout).split("\n").filter(Boolean);
  return { lines, status: { success, code, signal } };
}

/** The beginning of a command whose system calls go wrong as told: `fallocate:error=ENOSPC:when=1`. */
export function inject(...faults: string[]): string[] {
  const calls = faults.map((fault) => fault.split(":")[0]).join(",");
  return [
    "strace",
    "-f",
    "-o",
    "/dev/null",
    "-e",
    `trace=${calls}`,
    ...faults.flatMap((fault) => ["-e", `inject=${fault}`]),
  ];
}
