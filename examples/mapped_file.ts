// A visit counter in a file: memory that outlives its processes, and that any program can read.
// deno run --allow-ffi --allow-read --allow-write --allow-run=od examples/mapped_file.ts
// Expect: visits: 3
// Expect: od reads: 3
// Expect: a second creator: EEXIST
import { command, createMappedFile, openMappedFile, PosixError, struct, u64, utf8 } from "../mod.ts";

const Visits = struct({ count: u64, last: utf8(24) });
const directory = Deno.makeTempDirSync();
const path = `${directory}/visits`;

{
  // The file appears under its name when it is whole: all zeros, private, every block allocated.
  using file = createMappedFile(path, { size: Visits.byteLength });
  const visits = Visits.create(file);
  for (const visitor of ["Ada", "Grace", "Dennis"]) {
    visits.count += 1n;
    visits.last = visitor;
  }
  // For the disk. Other processes see every store at once.
  file.flush();
}

{
  using file = openMappedFile(path);
  const visits = Visits.open(file);
  console.log("visits:", Number(visits.count), "the last by", visits.last);
}

// The struct lies behind a header of 64 bytes, as docs/layouts.md says; od needs no more than that.
const count = await command("od", ["-An", "-td8", "-j64", "-N8", path]).text();
console.log("od reads:", count.trim());

// Memory that can only be read has no bytes to write through.
using reader = openMappedFile(path, { readOnly: true });
console.log("magic:", new TextDecoder().decode(reader.read(0, 8)));

try {
  createMappedFile(path, { size: 1 });
} catch (error) {
  if (!(error instanceof PosixError)) throw error;
  console.log("a second creator:", error.code);
}
Deno.removeSync(directory, { recursive: true });
