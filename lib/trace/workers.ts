/**
 * Workers of a process that takes part in a recording: each is an isolate of its own, with a probe of its own, and must be asked to tell.
 *
 * @module
 */

import { fromFileUrl } from "../std/path.ts";
import { isGranted } from "../sys/permission.ts";
import { publish } from "../sys/probe.ts";

/**
 * Sees to it that Workers that are started from now on tell what they do, and theirs in turn: instead of its module each begins with one that asks it
 * to tell, and then imports its own.
 *
 * That cannot be done, and is told, of a Worker whose module is no file or looks at `import.meta.main`, of one with permissions of its own, and of all
 * where Deno may not read this library: the Worker would have to load it.
 *
 * @returns How to end it, for Workers that are started later.
 */
export function tellOfWorkers(directory: string, most: number | undefined): () => void {
  const Original = globalThis.Worker;
  class TellingWorker extends Original {
    constructor(specifier: string | URL, options?: WorkerOptions) {
      const module = String(specifier);
      const name = options?.name || module.replace(/[?#].*$/, "").replace(/^.*\//, "").slice(0, 60);
      const reason = reasonAgainst(module, options);
      if (reason !== undefined) publish(() => ({ kind: "worker.silent", name, reason }));
      super(reason === undefined ? wrapper(module, directory, { name, most }) : specifier, options);
    }
  }
  globalThis.Worker = TellingWorker;
  return () => {
    if (globalThis.Worker === TellingWorker) globalThis.Worker = Original;
  };
}

/** Where a Worker finds what asks it to tell. */
const ATTACH = new URL("./attach.ts", import.meta.url);

/** The URL of a module that begins to tell and then is another. */
function wrapper(module: string, directory: string, options: Readonly<Record<string, unknown>>): string {
  const call = `attachWorker(${JSON.stringify(directory)}, ${JSON.stringify(options)});`;
  const first = `import { attachWorker } from ${JSON.stringify(ATTACH.href)};\n${call}\n`;
  // Imports are evaluated in their order: nothing of the Worker's own runs before it is asked, and nothing later than it would.
  const imports = [`data:text/javascript,${encodeURIComponent(first)}`, module];
  const text = imports.map((each) => `import ${JSON.stringify(each)};\n`).join("");
  return URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
}

/** Why a Worker cannot be asked to tell. */
function reasonAgainst(module: string, options: WorkerOptions | undefined): string | undefined {
  if ((options?.deno?.permissions ?? "inherit") !== "inherit") return "it has permissions of its own";
  if (!/^file:/i.test(module)) return "its module is no file";
  const library = new URL("../", ATTACH);
  if (library.protocol !== "file:" || !isGranted({ name: "read", path: fromFileUrl(library) })) {
    return "it may not read this library";
  }
  return isAskedForMain(module) ? "its module looks at import.meta.main" : undefined;
}

/** Behind another module, a module is not the main one. */
function isAskedForMain(module: string): boolean {
  try {
    return /\bmeta\s*\.\s*main\b/.test(Deno.readTextFileSync(new URL(module)));
  } catch {
    // Whatever is the matter, the Worker itself will say so.
    return true;
  }
}
