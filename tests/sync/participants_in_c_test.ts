// Needs: gcc
/** What has a participant table, in C. */
import { assert, assertEquals } from "@std/assert";
import { array, createMappedFile, i32, struct } from "../../lib/memory/mod.ts";
import { rwLock, semaphore } from "../../lib/sync/mod.ts";
import { PARTICIPANT_IN_C } from "../../lib/sync/participants_in_c.ts";
import { RW_LOCK_IN_C } from "../../lib/sync/rw_lock_in_c.ts";
import { SEMAPHORE_IN_C } from "../../lib/sync/semaphore_in_c.ts";
import "../helpers/open_libc.ts";
import { temporaryDirectory } from "./shared_struct.ts";

Deno.test("docs/layouts.md shows the C code of participants, rwLock and semaphore, word for word", async () => {
  const page = await Deno.readTextFile(new URL("../../docs/layouts.md", import.meta.url));
  const shown = Array.from(page.matchAll(/^```c\n(.*?)^```$/gms), ([, code]) => code).join("\n");
  const lines = (code: string) => code.split("\n").filter((line) => line.trim() !== "").join("\n");
  const definitions = [PARTICIPANT_IN_C, RW_LOCK_IN_C.definitions ?? [], SEMAPHORE_IN_C.definitions ?? []].flat();
  for (const { name, code } of definitions) {
    assert(lines(shown).includes(lines(code)), `docs/layouts.md shows something else for ${name}`);
  }
});

Deno.test("Struct.cHeader prints what a C program needs to use rwLock and semaphore fields", async () => {
  const Shared = struct(
    { lock: rwLock, value: i32, permits: array(semaphore(2), 2), inner: struct({ own: rwLock }, { participants: 3 }) },
    { participants: 5 },
  );
  await using folder = await temporaryDirectory();
  const directory = folder.path;
  await Deno.writeTextFile(`${directory}/shared.h`, Shared.cHeader("shared"));
  await Deno.writeTextFile(
    `${directory}/program.c`,
    `#include "shared.h"
    #include <fcntl.h>
    #include <sys/mman.h>
    int main(int argc, char **argv) {
      size_t length = 64 + sizeof(struct shared);
      int fd = open(argv[argc - 1], O_RDWR);
      void *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
      struct shared *shared = shared_open(memory, length);
      struct causeway_member me, inner;
      if (shared == NULL) return 1;
      causeway_thread();
      if (!causeway_join(&me, shared->participants, 5)) return 2;
      if (!causeway_join(&inner, shared->inner.participants, 3)) return 3;
      if (causeway_write_lock(&shared->lock.lock, &me) != 0) return 4;
      if (causeway_read_lock(&shared->inner.own.lock, &inner) != 0) return 5;
      shared->value = 7;
      causeway_read_unlock(&shared->inner.own.lock, &inner);
      causeway_write_unlock(&shared->lock.lock, 1);
      /* This one is kept: it comes back at the end. */
      causeway_acquire(&shared->permits[1].semaphore, &me, 2);
      if (!causeway_semaphore_try_wait(&shared->permits[1].semaphore, &me, 2)) return 6;
      if (causeway_semaphore_try_wait(&shared->permits[1].semaphore, &me, 2)) return 7;
      return causeway_semaphore_post(&shared->permits[0].semaphore, 2, 3) ? 0 : 8;
    }`,
  );
  const flags = [
    "-std=gnu11",
    "-O2",
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Wno-overlength-strings",
    "-Wno-unused-function",
  ];
  const { success, stderr } = await new Deno.Command("gcc", {
    args: [...flags, "-Werror", "-o", `${directory}/program`, `${directory}/program.c`],
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  using memory = createMappedFile(`${directory}/memory`, { size: Shared.byteLength });
  const view = Shared.create(memory);
  const { code } = await new Deno.Command(`${directory}/program`, { args: [`${directory}/memory`] }).output();
  assertEquals(code, 0);
  assertEquals([view.value, view.permits.get(0).value, view.permits.get(1).value], [7, 5, 1]);
  using guard = view.lock.writeSync();
  assertEquals(guard.previousOwnerDied, false);
  view.inner.own.writeSync().unlock();
});
