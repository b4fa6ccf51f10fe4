/**
 * Running a command in the foreground of a tool, to its end.
 *
 * @module
 */

import { shellCode } from "../../process/status.ts";
import { signalNumber } from "../../signal/names.ts";
import { Interruption } from "../interruption.ts";
import { launch, type Launched } from "./launch.ts";

/**
 * Runs a program on this program's own descriptors. SIGINT, SIGTERM and SIGHUP are passed on, unless the terminal has sent them to the program
 * too; this program then dies of the same signal, when the other one has ended.
 *
 * @returns Its exit code, or 128+n when signal n ended it.
 * @throws {PosixError} When it cannot be started.
 */
export async function runCommand([program, ...args]: readonly [string, ...string[]]): Promise<number> {
  let launched: Launched | undefined = undefined;
  await using interruption = new Interruption(({ cause, number }) => {
    if (cause === "kernel") return;
    launched?.signal(number);
    // A stopped program takes the signal when it continues.
    launched?.signal(signalNumber("SIGCONT"));
  });
  launched = launch(program, args);
  const code = shellCode(await launched.status);
  return interruption.received === undefined ? code : await interruption.dieOfIt();
}
