/**
 * Pseudo-terminals: a terminal made of software. Who holds the controlling side plays the person at the keyboard, programs on the other side
 * have a terminal like any other.
 *
 * @see {@link https://man7.org/linux/man-pages/man7/pty.7.html pty(7)}
 * @module
 */

import { check } from "./errno.ts";
import { Fd } from "./fd.ts";
import { libc } from "./libc.ts";
import { O, TTY } from "./linux.ts";
import { cString } from "./memory.ts";

/** How large a terminal is, in characters. */
export interface TerminalSize {
  /** Characters of a line, 1..65535. */
  readonly columns: number;
  /** Lines, 1..65535. */
  readonly rows: number;
}

/** Where new pseudo-terminals come from. */
const MULTIPLEXER = "/dev/ptmx";

/**
 * `posix_openpt(3)`: makes a pseudo-terminal of a size. It lives as long as one of its sides is open.
 *
 * @returns The controlling side, non-blocking, and the name of the other.
 * @throws {PosixError} ENOENT or EACCES without `/dev/ptmx`; ENOSPC when there are no more (`kernel.pty.max`); EMFILE.
 */
export function createTerminal(size: TerminalSize): { readonly controller: Fd; readonly path: string } {
  checkSize(size);
  const flags = O.RDWR | O.NOCTTY | O.CLOEXEC | O.NONBLOCK;
  const raw = check(libc().open(cString(MULTIPLEXER, "path"), flags, 0), "open", MULTIPLEXER, {
    ENOSPC: "raise kernel.pty.max",
  });
  const controller = Fd.own(raw, "Pseudo-terminal");
  try {
    const number = new Int32Array(1);
    check(libc().ioctl(controller.raw, TTY.TIOCSPTLCK, number), "ioctl(TIOCSPTLCK)", MULTIPLEXER);
    check(libc().ioctl(controller.raw, TTY.TIOCGPTN, number), "ioctl(TIOCGPTN)", MULTIPLEXER);
    resizeTerminal(controller, size);
    return { controller, path: `/dev/pts/${number[0]}` };
  } catch (error) {
    controller.close();
    throw error;
  }
}

/** `ioctl(TIOCGWINSZ)`: how large a terminal is. @throws {PosixError} ENOTTY. */
export function terminalSize(terminal: Fd): TerminalSize {
  const size = new DataView(new ArrayBuffer(TTY.winsize.byteLength));
  check(libc().ioctl(terminal.raw, TTY.TIOCGWINSZ, size), "ioctl(TIOCGWINSZ)", terminal.what);
  return { columns: size.getUint16(TTY.winsize.col, true), rows: size.getUint16(TTY.winsize.row, true) };
}

/**
 * `ioctl(TIOCSWINSZ)`: changes the size; the programs in the foreground get SIGWINCH if it is another one.
 *
 * @throws {RangeError} For a size that cannot be.
 */
export function resizeTerminal(terminal: Fd, { columns, rows }: TerminalSize): void {
  checkSize({ columns, rows });
  const size = new DataView(new ArrayBuffer(TTY.winsize.byteLength));
  size.setUint16(TTY.winsize.row, rows, true);
  size.setUint16(TTY.winsize.col, columns, true);
  check(libc().ioctl(terminal.raw, TTY.TIOCSWINSZ, size), "ioctl(TIOCSWINSZ)", terminal.what);
}

/**
 * `cfmakeraw(3)`: bytes pass as they are: no echo, no line editing, no signals from keys, no translation of line ends.
 *
 * @returns How to put the former settings back.
 */
export function makeRaw(terminal: Fd): () => void {
  const before = settingsOf(terminal);
  const raw = before.slice(0);
  libc().cfmakeraw(raw);
  applySettings(terminal, raw);
  return () => applySettings(terminal, before);
}

/** Whether the terminal shows what is typed. Programs that ask for a password turn that off. */
export function echoes(terminal: Fd): boolean {
  return (new DataView(settingsOf(terminal)).getUint32(TTY.termios.lflag, true) & TTY.ECHO) !== 0;
}

function settingsOf(terminal: Fd): ArrayBuffer {
  const settings = new ArrayBuffer(TTY.termios.byteLength);
  check(libc().tcgetattr(terminal.raw, settings), "tcgetattr", terminal.what);
  return settings;
}

function applySettings(terminal: Fd, settings: ArrayBuffer): void {
  check(libc().tcsetattr(terminal.raw, TTY.TCSANOW, settings), "tcsetattr", terminal.what);
}

function checkSize({ columns, rows }: TerminalSize): void {
  for (const [name, value] of Object.entries({ columns, rows })) {
    if (!Number.isInteger(value) || value < 1 || value > 65535) {
      throw new RangeError(`${name} must be an integer in 1..65535, got ${Deno.inspect(value)}`);
    }
  }
}
