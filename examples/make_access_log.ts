// Makes an access log as a web server would write it, about 1 MB: the same bytes every time.
// deno run --allow-write=examples/.data examples/make_access_log.ts examples/.data/access.log
// Expect: Wrote 9500 lines
import { dirname } from "@std/path";

const PATHS = ["/", "/index.html", "/docs/pipes", "/docs/signals", "/api/v1/items", "/style.css", "/favicon.ico"];
const AGENTS = ["Mozilla/5.0 (X11; Linux x86_64)", "Mozilla/5.0 (Macintosh)", "curl/8.14.1", "feedreader/2.1"];
const STATUSES = [200, 200, 200, 200, 304, 304, 404, 500];
const MIDNIGHT = Date.UTC(2026, 2, 1);

/** The lines of a log in the combined format: addresses by Zipf's law, times that never go back. */
export function* accessLogLines(count: number): Generator<string, void, void> {
  const random = randomNumbers(42);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const byte = () => Math.floor(random() * 256);
  const addresses = Array.from({ length: 400 }, () => `198.51.${byte()}.${byte()}`);
  const shares = addresses.map((_, rank) => 1 / (rank + 1));
  const total = shares.reduce((sum, share) => sum + share);
  const address = () => {
    let left = random() * total;
    return addresses[Math.max(0, shares.findIndex((share) => (left -= share) < 0))]!;
  };
  for (let line = 0, at = MIDNIGHT; line < count; line++, at += 9000 * random()) {
    const [, day, month, year, time] = new Date(at).toUTCString().split(" ");
    const request = `"GET ${pick(PATHS)} HTTP/1.1" ${pick(STATUSES)} ${Math.floor(200 + 20_000 * random() ** 4)}`;
    yield `${address()} - - [${day}/${month}/${year}:${time} +0000] ${request} "-" "${pick(AGENTS)}"\n`;
  }
}

/** Writes a log to a path; its directory is made where it is missing. */
export async function makeAccessLog(path: string, lines = 9_500): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  await Deno.writeTextFile(path, [...accessLogLines(lines)].join(""));
}

/** Numbers in 0..1 that look random and are always the same: a linear congruence modulo 2^32. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

if (import.meta.main) {
  const [path = "access.log", lines = "9500"] = Deno.args;
  await makeAccessLog(path, Number(lines));
  console.log(`Wrote ${lines} lines to ${path}`);
}
