/**
 * Where a named POSIX semaphore lives: `/name` is the file `/dev/shm/sem.name`, and a `sem_t` is what the file holds (`sem_overview(7)`).
 * C programs and Python find it there by `sem_open(3)`; tests join them.
 *
 * `sem_open` itself is not called, for three reasons. It cuts the mode by the umask, and a umask that is changed around the call is changed for
 * every thread: a file that Deno's thread pool creates in that moment would be open to all. It maps whatever has the name: an empty file is SIGBUS
 * at the first use, and a stranger's file is the stranger's to truncate. And it hands out one address for all who open a name in one process,
 * so that one close too many pulls the memory from under the others. The inside of the `sem_t` stays libc's: `sem_init` makes it in
 * place, `sem_post` and the others work on it.
 *
 * @module
 */

import { ProtocolError } from "../errors.ts";
import { allocate } from "../memory/allocate.ts";
import type { Owner } from "../memory/arguments.ts";
import { mapShared, type NamedFile, openNamed } from "../memory/named_file.ts";
import { directoryNames } from "../sys/directory.ts";
import { check } from "../sys/errno.ts";
import { Fd } from "../sys/fd.ts";
import { libc } from "../sys/libc.ts";
import { AT, O, POSIX_SEM } from "../sys/linux.ts";
import { cString, type Mapping } from "../sys/memory.ts";
import { platform } from "../sys/platform.ts";
import { slashName } from "../sys/slash_name.ts";

const DIRECTORY = "/dev/shm";
const PREFIX = "sem.";
/** A file name has at most 255 bytes. */
const MAX_NAME_BYTES = 255 - PREFIX.length;

/**
 * Creates the semaphore without a name, whole and with its mode, and then gives it the name: nobody can find it half made, one of many creators
 * wins, and a creator that is killed leaves nothing.
 *
 * @throws {PosixError} EEXIST, ENOSPC, EMFILE, ENFILE.
 */
export function createSemaphoreFile(name: string, value: number, mode: number): Mapping {
  const file = semaphoreFile(name);
  const flags = platform().O_TMPFILE | O.RDWR | O.CLOEXEC;
  const raw = check(libc().open(cString(file.directory, "path"), flags, 0o600), file.syscall, name);
  using fd = Fd.own(raw, file.what);
  allocate(fd, POSIX_SEM.byteLength, name);
  const mapping = mapShared(fd, POSIX_SEM.byteLength, false);
  try {
    check(libc().sem_init(mapping.pointer, 1, value), "sem_init", name);
    // Unlike the mode of `open`, not subject to the umask.
    check(libc().fchmod(fd.raw, mode), "fchmod", name);
    // Without CAP_DAC_READ_SEARCH a descriptor is linked through its name in /proc.
    const source = cString(`/proc/self/fd/${fd.raw}`, "path");
    const target = cString(file.path, "path");
    check(libc().linkat(AT.FDCWD, source, AT.FDCWD, target, AT.SYMLINK_FOLLOW), file.syscall, name);
    return mapping;
  } catch (error) {
    mapping.close();
    throw error;
  }
}

/**
 * Maps an existing semaphore.
 *
 * @throws {PosixError} ENOENT, EACCES (also for another user's), ELOOP, EMFILE, ENFILE.
 * @throws {ProtocolError} When the file is too small to be one.
 */
export function openSemaphoreFile(name: string, owner: Owner | undefined): Mapping {
  const file = semaphoreFile(name);
  const opened = openNamed(file, { readOnly: false, owner });
  using fd = opened.fd;
  if (opened.size < POSIX_SEM.byteLength) {
    throw new ProtocolError(`${file.what} has ${opened.size} bytes, a semaphore has ${POSIX_SEM.byteLength}`);
  }
  return mapShared(fd, POSIX_SEM.byteLength, false);
}

/** @throws {PosixError} ENOENT, EACCES. */
export function unlinkSemaphoreFile(name: string): void {
  check(semaphoreFile(name).unlink(), "sem_unlink", name);
}

/** The names, with the slash, that look like semaphores, whoever made them. @throws {PosixError} ENOENT, EACCES. */
export function semaphoreNames(): string[] {
  return directoryNames(DIRECTORY).filter((name) => name.startsWith(PREFIX) && name.length > PREFIX.length)
    .map((name) => `/${name.slice(PREFIX.length)}`);
}

/** @throws {TypeError} For a name that no semaphore can have. */
function semaphoreFile(name: string): NamedFile {
  const bytes = slashName(name, MAX_NAME_BYTES);
  const path = `${DIRECTORY}/${PREFIX}${name.slice(1)}`;
  return {
    path,
    directory: DIRECTORY,
    what: `Semaphore ${name}`,
    syscall: "sem_open",
    target: name,
    open: (flags, mode) => libc().open(cString(path, "path"), flags, mode),
    unlink: () => libc().sem_unlink(bytes),
  };
}
