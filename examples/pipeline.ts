// Joins programs by kernel pipes and tells how each of them ended.
// deno run --allow-run --allow-read --allow-write examples/pipeline.ts
// Expect: yes was killed by SIGPIPE
// Expect: the first failure is named: false
import { command, ExitError, pipeline, type Status } from "../mod.ts";

const ending = (status: Status) =>
  status.kind === "exited" ? `exited with ${status.code}` : `was killed by ${status.signal}`;

// `yes` would run for ever; `head` has had enough after three lines, and that is no failure.
const { stdout, stages } = await pipeline(["yes", "moo"], ["head", "-n", "3"], ["nl"]).output();
console.log(stdout.trimEnd());
for (const stage of stages) {
  console.log(`${stage.command[0]} ${ending(stage.status)} after ${stage.durationMs.toFixed(1)} ms`);
}

// A failure in the middle is not hidden by a last stage that succeeds.
try {
  await pipeline(["false"], ["cat"]).output();
} catch (error) {
  if (!(error instanceof ExitError)) throw error;
  console.log("the first failure is named:", error.command[0]);
}

// Unless it is forgiven.
const forgiving = pipeline(command("false").unchecked(), ["wc", "-c"]);
console.log("bytes through a forgiven stage:", (await forgiving.text()).trim());

// A gigabyte: the kernel moves it from child to child.
const count = await pipeline(["head", "-c", "1G", "/dev/zero"], ["cat"], ["wc", "-c"]).text();
console.log("bytes that this process never saw:", count);
