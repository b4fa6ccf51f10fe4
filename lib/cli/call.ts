/**
 * `causeway call`: calls a method that another program serves.
 *
 * @module
 */

import { type MethodDescription, methodsOf, remote } from "../channel/rpc.ts";
import { isAsyncIterable } from "../channel/rpc_value.ts";
import { maxBytesOf, openEnd, requireAddress, withoutSeparator } from "./channel/end.ts";
import { jsonWord } from "./channel/message_format.ts";
import { untilEnded } from "./channel/until_ended.ts";
import { CommandError, UsageError } from "./command_line.ts";
import { Printer } from "./each/printer.ts";
import { parseOptions } from "./options.ts";
import { print, printJson } from "./output.ts";
import { styleFor } from "./style.ts";
import { table } from "./table.ts";
import { timeLimit } from "./tools/time_limit.ts";

const NAMES = {
  flags: ["text", "list", "json", "listen"],
  values: ["timeout", "max-bytes"],
  stopEarly: true,
} as const;

/** Whatever there is: what can be called is not known before it is called. */
type Anything = Record<string, (...args: unknown[]) => Promise<unknown>>;

/** Runs the command. */
export async function run(args: readonly string[]): Promise<number> {
  const options = await parseOptions("call", args, NAMES);
  const { text, list, json, listen } = options.flags;
  const timeoutMs = timeLimit("call", options);
  const maxMessageBytes = maxBytesOf("call", options);
  const [first, ...rest] = options.words;
  const [method, ...words] = withoutSeparator(rest);
  const address = requireAddress("call", first);
  if (list && method !== undefined) {
    throw new UsageError(`call: --list takes an address only, got ${JSON.stringify(method)}`);
  }
  if (json && !list) throw new UsageError("call: --json is for --list: results are JSON always");
  if (!list && method === undefined) throw new UsageError("call: which method? --list tells what there is");
  if (method === "then" || method === "with") {
    throw new UsageError(`call: no method is called ${JSON.stringify(method)}`);
  }
  const given = withoutSeparator(words).map((word) => text ? word : jsonWord(word, "call"));
  return await untilEnded("call", async (signal) => {
    const mode = listen ? "listen" : "connect";
    const end = await openEnd(address, {
      command: "call",
      mode,
      use: "both",
      codec: "json",
      maxMessageBytes,
      signal,
      timeoutMs,
    });
    using api = remote<Anything>(end);
    if (list) return printMethods(await methodsOf(api), json);
    try {
      await printResult(await api.with({ signal, timeoutMs })[method ?? ""]?.(...given), text);
      return 0;
    } catch (error) {
      throw told(error);
    }
  }, { prints: true });
}

async function printResult(result: unknown, text: boolean): Promise<void> {
  const printer = new Printer(undefined);
  const show = (value: unknown) => {
    const line = text && typeof value === "string" ? value : JSON.stringify(jsonOf(value));
    return printer.write("stdout", new TextEncoder().encode(`${line}\n`));
  };
  if (isAsyncIterable(result)) { for await (const item of result) await show(item); }
  else if (result !== undefined) await show(result);
}

function printMethods(methods: readonly MethodDescription[], json: boolean): number {
  if (json) printJson(methods);
  else {
    const style = styleFor(Deno.stdout);
    const name = (text: string) => ({ text, style: (padded: string) => style("name", padded) });
    const title = (text: string) => ({ text, style: (padded: string) => style("title", padded) });
    const rows = methods.map((method) => [name(method.name), String(method.parameters)]);
    print(table([[title("method"), title("parameters")], ...rows], { right: [1] }));
  }
  return 0;
}

/** What a value is in plain JSON. */
function jsonOf(value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (typeof value === "function") return "[function]";
  if (value === undefined || (typeof value === "number" && !Number.isFinite(value))) return null;
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Uint8Array) return value.toBase64();
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof Error) return { name: value.name, message: value.message };
  if (value instanceof Map) return Array.from(value, ([key, item]) => [jsonOf(key), jsonOf(item)]);
  if (value instanceof Set || Array.isArray(value)) return Array.from(value, jsonOf);
  if (isAsyncIterable(value)) return "[stream]";
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, jsonOf(item)]));
}

/** What the method threw, with the name of its class, which tells what kind of failure it is. */
function told(error: unknown): unknown {
  if (!(error instanceof Error)) return new CommandError(`call: it threw ${JSON.stringify(jsonOf(error))}`, 1);
  if (error instanceof DOMException && error.name === "TimeoutError") return error;
  if (error.name === "OutputClosed" || error.name === "AbortError") return error;
  return new CommandError(`call: ${error.name}: ${error.message}`, 1, { cause: error });
}
