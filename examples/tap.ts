// Sits between two programs without touching their bytes: counts them, shows how fast they flow, and copies them to a third.
// deno run --allow-ffi --allow-run=head,sha256sum,wc,yes examples/tap.ts
// Expect: wc says: 300000000
// Expect: the tap says: 300000000
// Expect: both copies are the same: true
// Expect: yes was told: SIGPIPE
// Expect: kept waiting: never; the copy missed bytes: true
import { command, pipe, tap } from "../mod.ts";

// A meter, as pv(1) is one: the kernel moves whole pages, this process only counts.
{
  const { reader, writer } = pipe();
  await using source = command("head", ["-c", "300000000", "/dev/zero"], { stdout: writer }).spawn();
  using meter = tap(reader);
  let before = 0;
  const display = setInterval(() => {
    console.error(((meter.byteLength - before) / 0.1 / 1e9).toFixed(1), "GB/s");
    before = meter.byteLength;
  }, 100);
  console.log("wc says:", await command("wc", ["-c"], { stdin: meter.reader }).text());
  clearInterval(display);
  console.log("the tap says:", (await meter.done).byteLength);
  await source.status;
}

// A branch, as tee(1) is one: two programs read the same stream. The slower one sets the pace, so memory stays bounded.
{
  const [stream, branch] = [pipe(), pipe()];
  await using source = command("head", ["-c", "50000000", "/dev/zero"], { stdout: stream.writer }).spawn();
  using both = tap(stream.reader, { copyTo: branch.writer });
  const sums = [both.reader, branch.reader].map((stdin) => command("sha256sum", [], { stdin }).text());
  const [one, two] = await Promise.all(sums);
  console.log("both copies are the same:", one === two);
  await source.status;
}

// The program before learns that the one after has gone, as without a tap.
{
  const { reader, writer } = pipe();
  await using source = command("yes", [], { stdout: writer }).spawn();
  using between = tap(reader);
  await command("head", ["-n", "1"], { stdin: between.reader }).text();
  const status = await source.status;
  console.log("yes was told:", status.kind === "signaled" && status.signal);
}

// A copy that must never slow the stream down loses what it has no room for.
{
  const [stream, branch] = [pipe(), pipe()];
  await using source = command("head", ["-c", "50000000", "/dev/zero"], { stdout: stream.writer }).spawn();
  using both = tap(stream.reader, { copyTo: branch.writer, whenFull: "drop" });
  await command("wc", ["-c"], { stdin: both.reader }).text();
  const { droppedBytes } = await both.done;
  console.log("kept waiting: never; the copy missed bytes:", droppedBytes > 0);
  branch.reader.close();
  await source.status;
}
