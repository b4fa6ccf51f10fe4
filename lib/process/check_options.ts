/**
 * The checks of a command that come before any system call.
 *
 * @module
 */

import { signalNumber } from "../signal/names.ts";
import { Fd } from "../sys/fd.ts";
import { isMovable } from "../sys/inheritable.ts";
import { checkLimits } from "./limits.ts";
import type { CommandOptions } from "./options.ts";
import { checkOutput, checkStdin } from "./stdio.ts";

/** Checks program and arguments. @throws {TypeError} What `execve(2)` could not express. */
export function checkWords(words: readonly unknown[]): asserts words is readonly [string, ...string[]] {
  if (words.length === 0 || words[0] === "") throw new TypeError("Program must not be empty");
  for (const [index, word] of words.entries()) {
    const what = index === 0 ? "Program" : `Argument ${index}`;
    if (typeof word !== "string") throw new TypeError(`${what} must be a string, got ${Deno.inspect(word)}`);
    if (word.includes("\0")) {
      throw new TypeError(`${what} must not contain a NUL character, got ${JSON.stringify(word)}`);
    }
  }
}

/** Checks options. @throws {TypeError | RangeError} Before anything is started. */
export function checkOptions(options: CommandOptions): void {
  checkStdin(options.stdin, "stdin");
  checkOutput(options.stdout, "stdout");
  checkOutput(options.stderr, "stderr");
  if (options.stdout === "stderr" && options.stderr === "stdout") {
    throw new TypeError("stdout and stderr cannot each go where the other goes");
  }
  for (const [name, value] of Object.entries(options.env ?? {})) {
    if (name === "" || /[=\0]/.test(name)) {
      throw new TypeError(`Variable name must not be empty or contain "=" or NUL, got ${JSON.stringify(name)}`);
    }
    if (value !== undefined && typeof value !== "string") {
      throw new TypeError(`Variable ${name} must be a string, got ${Deno.inspect(value)}`);
    }
    if (value?.includes("\0")) throw new TypeError(`Variable ${name} must not contain a NUL character`);
  }
  for (const name of ["cwd", "argv0"] as const) {
    const value = options[name];
    if (typeof value === "string" && (value === "" || value.includes("\0"))) {
      throw new TypeError(`${name} must not be empty or contain a NUL character, got ${JSON.stringify(value)}`);
    }
  }
  for (const name of ["timeoutMs", "graceMs", "drainGraceMs", "maxOutputBytes"] as const) {
    const value = options[name];
    if (value !== undefined && !(typeof value === "number" && value >= 0)) {
      throw new RangeError(`${name} must be a number of at least 0, got ${Deno.inspect(value)}`);
    }
  }
  if (options.endSignal !== undefined) signalNumber(options.endSignal);
  checkIdentity(options);
  checkDescriptors(options);
}

/** The highest user or group: the one above it means "no change" to the kernel. */
const HIGHEST_ID = 0xffff_fffe;

function checkIdentity(options: CommandOptions): void {
  const { group = "inherit", limits, groups = [] } = options;
  for (const name of ["uid", "gid"] as const) checkInteger(name, options[name], 0, HIGHEST_ID);
  for (const id of groups) checkInteger("groups", id, 0, HIGHEST_ID);
  checkInteger("umask", options.umask, 0, 0o777);
  checkInteger("nice", options.nice, -20, 19);
  if (!["inherit", "own", "session"].includes(group)) {
    throw new TypeError(`group must be "inherit", "own" or "session", got ${Deno.inspect(group)}`);
  }
  if (limits !== undefined) checkLimits(limits);
}

/** Above it no process can have one: `fs.nr_open` as shipped. */
const HIGHEST_DESCRIPTOR = 1_048_575;

function checkDescriptors(options: CommandOptions): void {
  for (const [name, end] of Object.entries(options.descriptors ?? {})) {
    if (!/^[1-9]\d*$|^0$/.test(name)) throw new TypeError(`Descriptor must be a number, got ${JSON.stringify(name)}`);
    checkInteger(
      "Descriptor (stdin, stdout and stderr have options of their own)",
      Number(name),
      3,
      HIGHEST_DESCRIPTOR,
    );
    if (!isEnd(end)) throw new TypeError(`Descriptor ${name} must be a pipe end, a socket or a descriptor`);
  }
  for (const { descriptors } of options.inherit ?? []) {
    if (!Array.isArray(descriptors) || !descriptors.every(isEnd)) {
      throw new TypeError("inherit takes objects with descriptors and env, such as an end of channelPair()");
    }
  }
}

function isEnd(value: unknown): boolean {
  return value instanceof Fd || isMovable(value);
}

function checkInteger(name: string, value: unknown, lowest: number, highest: number): void {
  if (value === undefined) return;
  if (typeof value === "number" && Number.isInteger(value) && value >= lowest && value <= highest) return;
  throw new RangeError(`${name} must be an integer in ${lowest}..${highest}, got ${Deno.inspect(value)}`);
}
