/** What `causeway ls --json` prints, and objects to list. */
import { fixture } from "./causeway.ts";
import { withOurs } from "./tools/isolated.ts";

/** An object of `ls --json`: what is looked at here. */
export interface Found {
  kind: string;
  id: string;
  name: string | null;
  byteLength: number | null;
  mode: number | null;
  owner: string | null;
  stale: string | null;
  ours: boolean;
  holders: { pid: number; program: string; direction: string; descriptors: number[]; waiting: boolean }[];
  [member: string]: unknown;
}

export interface Listing {
  time: string;
  objects: Found[];
  hidden: number[];
  notes: string[];
}

/** Programs that make objects, and hold them while their standard input is open: what compiles each, and what starts it. */
const MAKERS = {
  C: [`gcc -pthread -o objects ${fixture("inspect_objects.c")} || exit`, './objects "$PWD" fixture'],
  Python: ["", `python3 ${fixture("inspect_objects.py")} "$PWD"`],
} as const;

/** Starts a program among objects of its own, and runs lines of shell while it holds them. `$pid` is its pid. */
export function beside(script: string, directory: string, maker: keyof typeof MAKERS = "C") {
  const [before, start] = MAKERS[maker];
  return withOurs(
    "ls",
    `
    ${before}
    mkfifo hold said
    ${start} <hold >said &
    exec 7>hold
    read -r line <said
    echo "$line" >facts.json
    pid=$!
    ${script}
    exec 7>&-
    wait
    `,
    { cwd: directory, isolated: true },
  );
}
