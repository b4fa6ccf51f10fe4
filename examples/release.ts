// Releases the documentation here as a site: builds and tests its pages in parallel, packs them, tries the package out on a server.
// Run: deno run --allow-ffi --allow-run --allow-read --allow-write examples/release.ts
// Expect: built and tested: README architecture
// Expect: links: all there:
// Expect: packed twice: the same sum
// Expect: the package says: <h1>Causeway</h1>
// Expect: the server was killed, and says again: <h1>Causeway</h1>
//
// The shell script that it replaces is about as long, and there each of these lines has a trap:
//
//   set -e; dir=$(mktemp -d); trap 'rm -rf "$dir"; kill $server' EXIT  # the server outlives a script that is killed by SIGKILL
//   for page in README.md docs/*.md; do build "$page" & done; wait     # all at once, and set -e sees no failure
//   for page in $dir/site/*; do timeout 10 check "$page" & done; wait  # nor here, nor that the time was over
//   tar -c . | gzip -9n | tee site.tar.gz | sha256sum                  # only the last status counts
//   sh server.sh & server=$!; sleep 1; ask README                      # is a second enough, and who starts it again?
import { $, command, fanOut, pipeline, pool, supervise } from "../mod.ts";

/** A little of Markdown, for sed. */
const RULES = String.raw`
  s/&/\&amp;/g; s/</\&lt;/g
  s,^# \(.*\),<h1>\1</h1>,; s,^##* \(.*\),<h2>\1</h2>,
  s,\[\([^]]*\)\](\(docs/\)*\([a-z]*\)\.md),<a href=\3.html>\1</a>,g`;

/** A server with the tools of any machine: it reads a name from one FIFO, and writes the page to another. */
const SERVER = `
  rm -f ask answer; mkfifo -m 600 ask answer
  echo serving
  while read -r page < ask; do cat "$page.html" > answer; done`;

await using cleanup = new AsyncDisposableStack();
const dir = await Deno.makeTempDir({ prefix: "release-" });
cleanup.defer(() => Deno.remove(dir, { recursive: true }));
const [site, fresh, archive] = [`${dir}/site`, `${dir}/fresh`, `${dir}/site.tar.gz`];
for (const each of [site, fresh]) await Deno.mkdir(each);

const docs = Array.from(Deno.readDirSync("docs"), ({ name }) => name).filter((name) => name.endsWith(".md")).sort();
const pages = ["README.md", ...docs.map((name) => `docs/${name}`)];
console.log("built and tested:", (await buildAndTest(pages)).join(" "));
await checkLinks();

const sums = [await pack(), await pack()];
if (sums[0] !== sums[1]) throw new Error(`Packed twice, and different: ${sums.join(", ")}`);
console.log("packed twice: the same sum", sums[0]?.slice(0, 16));

await $`tar -xzf ${archive} -C ${fresh}`;
await tryOut();

/** All pages at the same time, as many as there are CPUs; the first failure ends the others. */
async function buildAndTest(paths: string[]): Promise<string[]> {
  await using jobs = pool({ timeoutMs: 10_000, halt: "now" });
  return await Promise.all(paths.map(async (path) => {
    const name = path.replace(/^.*\/|\.md$/g, "");
    const page = `${site}/${name}.html`;
    await jobs.run($`sed -e ${RULES} ${path} > ${page}`);
    await jobs.run($`grep -q '^<h1>' ${page}`);
    return name;
  }));
}

/** Every page that is linked to must be one that was built. */
async function checkLinks(): Promise<void> {
  const found = await $`grep -ohr 'href=[a-z]*[.]html' ${site} | cut -d= -f2 | sort -u`.text();
  const links = found.split("\n");
  await command("ls", links, { cwd: site }).output();
  console.log("links: all there:", links.length);
}

/** One pass for the archive and its sum. */
async function pack(): Promise<string> {
  const tar = ["tar", "--sort=name", "--mtime=@0", "--owner=0", "--group=0", "-C", site, "-c", "."] as const;
  const file = command("cat", [], { stdout: { file: archive } });
  const sum = await pipeline(tar, ["gzip", "-9n"], fanOut(file, ["sha256sum"])).with({ timeoutMs: 10_000 }).text();
  return sum.split(" ")[0]!;
}

/** Serves the unpacked package, and asks it; the server is started again when it is killed, and ends with this program. */
async function tryOut(): Promise<void> {
  const again = Promise.withResolvers<void>();
  let starts = 0;
  await using server = await supervise({
    site: { command: command("sh", ["-c", SERVER], { cwd: fresh }), ready: { line: "serving", timeoutMs: 5000 } },
  }, {
    onEvent: (event) => void (event.kind === "service.ready" && ++starts === 2 && again.resolve()),
  });
  await server.ready;
  const ask = command("sh", ["-c", 'echo "$1" > ask; grep "<h1>" answer', "sh", "README"], {
    cwd: fresh,
    timeoutMs: 5000,
  });
  console.log("the package says:", await ask.text());
  Deno.kill(server.status[0]!.pid!, "SIGKILL");
  await again.promise;
  console.log("the server was killed, and says again:", await ask.text());
}
