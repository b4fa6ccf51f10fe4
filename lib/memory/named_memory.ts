/**
 * What mapped files and POSIX shared memory have in common: memory that a name in a file system leads to.
 *
 * @module
 */

import type { Fd } from "../sys/fd.ts";
import { fileFacts } from "../sys/file_facts.ts";
import type { Mapping } from "../sys/memory.ts";
import { allocate } from "./allocate.ts";
import { requireMode, requireSize } from "./arguments.ts";
import { createNamed } from "./created_file.ts";
import { MemoryObject } from "./memory.ts";
import { mapFile, mapShared, type NamedFile, unlinkOwn } from "./named_file.ts";

/** A kind of memory with a name: the class of its objects. */
export type NamedMemoryClass<Made> = new (mapping: Mapping, file: NamedFile, fd: Fd) => Made;

/** @throws {RangeError} For a size or mode that cannot be. */
export function requireSizeAndMode({ size, mode = 0o600 }: { size: number; mode?: number | undefined }): {
  size: number;
  mode: number;
} {
  requireSize(size);
  requireMode(mode);
  return { size, mode };
}

/** Creates a file, maps it, and gives it its name when all of that, and `prepare`, has been done. */
export function createNamedMemory<Made extends MemoryObject>(
  file: NamedFile,
  { size, mode, prepare }: { size: number; mode: number; prepare?: ((memory: Made) => void) | undefined },
  Kind: NamedMemoryClass<Made>,
): Made {
  return createNamed(file, {
    size,
    mode,
    prepare(fd) {
      const memory = new Kind(mapFile(fd, { byteLength: size }), file, fd);
      try {
        prepare?.(memory);
        return memory;
      } catch (error) {
        memory.unmap();
        throw error;
      }
    },
    discard: (memory) => memory.close(),
  });
}

/** Memory with a name. */
export class NamedMemoryObject extends MemoryObject {
  readonly fd: Fd;
  protected readonly file: NamedFile;
  readonly #unlinkCall: string;

  constructor(mapping: Mapping, { file, fd, unlinkCall }: { file: NamedFile; fd: Fd; unlinkCall: string }) {
    super(mapping, file.what, fd);
    this.fd = fd;
    this.file = file;
    this.#unlinkCall = unlinkCall;
  }

  unlink(): void {
    void this.mapping;
    unlinkOwn(this.fd, this.file, this.#unlinkCall);
  }
}

/**
 * Makes a file larger, with all its blocks, and maps all of it through a descriptor of its own. What is mapped already stays mapped.
 *
 * @throws {RangeError} For a size that cannot be, or would shrink the file.
 */
export function grow(fd: Fd, size: number, target: string): { mapping: Mapping; fd: Fd } {
  requireSize(size);
  const { size: before } = fileFacts(fd);
  if (size < before) throw new RangeError(`size must be at least the ${before} bytes that there are, got ${size}`);
  allocate(fd, size, target, { EPERM: "its size is sealed", EBADF: "it is open for reading only" });
  const own = fd.duplicate();
  return { mapping: mapShared(own, size, false), fd: own };
}
