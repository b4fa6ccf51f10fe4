/**
 * Lesson 1: one address, two values.
 *
 * @module
 */

import { addressOf } from "../../sys/memory.ts";
import { Heard } from "./heard.ts";
import type { Lesson } from "./lesson.ts";

/** A variable before and after a fork. `\$x` prints where it is. */
const ONE_ADDRESS = `$x = 1; if (!fork) { $x = 2; print "x = $x at ", \\$x, " in the child\\n"; exit } ` +
  `wait; print "x = $x at ", \\$x, " in the parent\\n"`;

/** Reads the text at an address of its own address space. */
const READ_ADDRESS = `print unpack("p", pack("J", $ARGV[0]))`;

/** Two processes, and nothing between them. */
export const ISOLATION: Lesson = {
  model: "none",
  text: [
    "A process is an island. The kernel gives each its own address space: an address is not a place in the machine's memory but a name, and every",
    "process has its own table of what the names mean. So one program's mistakes cannot reach another. It also means that two processes cannot",
    "say a word to each other, unless the kernel opens a way. The other nine lessons are these ways.",
  ],
  experiment: {
    about: "A Perl program forks. Both copies have a variable x at the same address; the child changes its own.",
    command: [`perl -e '${ONE_ADDRESS}'`],
    async play(scene) {
      const child = scene.program("perl", ["-e", ONE_ADDRESS], { stdout: "piped" });
      const heard = new Heard(scene, child, "perl");
      await heard.over;
      const [theirs, ours] = ["child", "parent"].map((who) => parse(heard.lines.find((line) => line.endsWith(who))));
      scene.check("both variables have the same address", theirs !== undefined && theirs.address === ours?.address);
      scene.check("the child's is 2, the parent's is still 1", theirs?.value === "2" && ours?.value === "1");
      return [
        `Address ${ours?.address} holds ${ours?.value} in one process and ${theirs?.value} in the other, at the same time.`,
        "fork copied the table of addresses; the first write made the kernel give the child a page of its own.",
      ];
    },
  },
  question: {
    ask: "A program sends another one the address of its data, as a number. What can the other do with it?",
    answers: [
      { text: "read the data there", right: false, why: "the number means something in the sender's table only." },
      { text: "nothing", right: true, why: "in its own table the same number means other memory, or none." },
      {
        text: "read the data, if both run as the same user",
        right: false,
        why: "permissions do not matter: it is another table.",
      },
    ],
  },
  broken: {
    about:
      "Do it anyway: this process keeps a text in its memory, tells a Perl program where, and Perl reads that address.",
    command: [`perl -e '${READ_ADDRESS}' ADDRESS`],
    async play(scene) {
      const text = new Uint8Array(new ArrayBuffer(64));
      text.set(new TextEncoder().encode("a secret\0"));
      const address = addressOf(text);
      scene.did(`has "a secret" at 0x${address.toString(16)}`);
      // If the kernel keeps a core, it goes with the scene's directory.
      const child = scene.program("perl", ["-e", READ_ADDRESS, String(address)], {
        stdout: "piped",
        stderr: "null",
        cwd: scene.directory,
      });
      const heard = new Heard(scene, child, "perl");
      const status = await child.status;
      await heard.over;
      const ended = status.kind === "signaled" ? status.signal : `exit code ${status.code}`;
      scene.note("perl", `ends: ${ended}`);
      scene.check("the other process did not get the secret", !heard.lines.join().includes("secret"));
      scene.check("the kernel ended it with SIGSEGV", ended === "SIGSEGV");
      return [
        `The address is in this process's table. In Perl's there is nothing under it: the CPU stopped the read, and the kernel sent ${ended}.`,
        "An island is safe, and alone.",
      ];
    },
  },
};

function parse(line: string | undefined): { value: string; address: string } | undefined {
  const [, value, address] = /^x = (\d) at SCALAR\((0x[0-9a-f]+)\)/.exec(line ?? "") ?? [];
  return value === undefined || address === undefined ? undefined : { value, address };
}
