/**
 * The whole terminal as one page that is drawn again and again, and put back as it was, whatever ends the program.
 *
 * @module
 */

import { print } from "../output.ts";

const ENTER = "\x1b[?1049h\x1b[?25l";
const LEAVE = "\x1b[?25h\x1b[?1049l";
const HOME = "\x1b[H";
const CLEAR_LINE = "\x1b[K";
const CLEAR_BELOW = "\x1b[J";

/** Characters of a line that take no room. */
// deno-lint-ignore no-control-regex -- a colour begins with a control character
const COLOURS = /\x1b\[[0-9;]*m/g;

/** What a person did. */
export interface ScreenEvents {
  /** A key that leaves. */
  readonly onQuit: () => void;
  /** The terminal has another size, or shows this program again. */
  readonly onRedraw: () => void;
}

/** A terminal that is taken over. */
export class Screen implements Disposable {
  readonly #events: ScreenEvents;
  readonly #keys: boolean;
  #shown = false;
  #closed = false;

  /** Takes standard output over, and standard input when that is a terminal too. */
  constructor(events: ScreenEvents) {
    this.#events = events;
    this.#keys = Deno.stdin.isTerminal();
    Deno.addSignalListener("SIGWINCH", events.onRedraw);
    Deno.addSignalListener("SIGTSTP", this.#stop);
    this.#enter();
    if (this.#keys) void this.#readKeys();
  }

  /** Shows a page, cut to the terminal's size. */
  draw(text: string): void {
    if (!this.#shown) return;
    const { columns, rows } = Deno.consoleSize();
    const lines = text.trimEnd().split("\n").slice(0, rows).map((line) => `${cut(line, columns)}${CLEAR_LINE}`);
    print(`${HOME}${lines.join("\n")}${CLEAR_BELOW}`);
  }

  /** Gives the terminal back. */
  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    Deno.removeSignalListener("SIGWINCH", this.#events.onRedraw);
    Deno.removeSignalListener("SIGTSTP", this.#stop);
    this.#leave();
  }

  #enter(): void {
    // Keys come one by one and unseen; Ctrl-C and Ctrl-Z remain signals.
    if (this.#keys) Deno.stdin.setRaw(true, { cbreak: true });
    this.#shown = true;
    print(ENTER);
  }

  #leave(): void {
    if (!this.#shown) return;
    this.#shown = false;
    if (this.#keys) Deno.stdin.setRaw(false);
    print(LEAVE);
  }

  /** Ctrl-Z: the shell gets its terminal as it was, and the page comes back with `fg`. */
  readonly #stop = (): void => {
    this.#leave();
    Deno.kill(Deno.pid, "SIGSTOP");
    if (this.#closed) return;
    this.#enter();
    this.#events.onRedraw();
  };

  async #readKeys(): Promise<void> {
    const bytes = new Uint8Array(64);
    while (!this.#closed) {
      const count = await Deno.stdin.read(bytes);
      // A terminal that is gone ends the program by SIGHUP.
      if (count === null) return;
      if (/[qQ]/.test(new TextDecoder().decode(bytes.subarray(0, count)))) return this.#events.onQuit();
    }
  }
}

/** The first characters of a line, colours not counted and none left on. */
function cut(line: string, columns: number): string {
  if (line.replace(COLOURS, "").length <= columns) return line;
  return Array.from(line.replace(COLOURS, "")).slice(0, columns).join("");
}
