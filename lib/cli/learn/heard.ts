/**
 * What a program says, line by line, as it says it.
 *
 * @module
 */

import type { Child } from "../../process/child.ts";
import { TextLineStream } from "../../std/streams.ts";
import type { Scene } from "../demo/scene.ts";

/** A program's lines, each noted in the scene when it comes. */
export class Heard {
  /** The lines so far. */
  readonly lines: string[] = [];
  /** Settles when there will be no more. */
  readonly over: Promise<void>;
  #wake = Promise.withResolvers<void>();
  #isOver = false;

  /** Begins to listen to a child whose standard output is piped. */
  constructor(scene: Scene, child: Child, who: string) {
    this.over = this.#listen(scene, child, who);
    // Whoever waits for a line learns of it.
    this.over.catch(() => {});
  }

  /**
   * The next line from here on that begins so.
   *
   * @throws {Error} When there will be none.
   */
  async line(beginning: string, after = 0): Promise<string> {
    while (true) {
      const found = this.lines.slice(after).find((line) => line.startsWith(beginning));
      if (found !== undefined) return found;
      if (this.#isOver) throw new Error(`The program ended before it said ${JSON.stringify(beginning)}`);
      await this.#wake.promise;
    }
  }

  async #listen(scene: Scene, child: Child, who: string): Promise<void> {
    try {
      const decoder: TransformStream<Uint8Array<ArrayBuffer>, string> = new TextDecoderStream();
      for await (const line of child.stdout.pipeThrough(decoder).pipeThrough(new TextLineStream())) {
        scene.note(who, `says ${JSON.stringify(line)}`);
        this.lines.push(line);
        this.#ring();
      }
    } finally {
      this.#isOver = true;
      this.#ring();
    }
  }

  #ring(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }
}
