/**
 * The header of shared memory in C; docs/layouts.md explains it.
 *
 * @module
 */

import type { CDefinition } from "./c_type.ts";

/** What every header includes. */
export const INCLUDES_IN_C = `
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
`;

/** The header, its fingerprint, and how a C program opens and creates it. */
export const HEADER_IN_C: CDefinition = {
  name: "header",
  code: String.raw`
static inline uint64_t causeway_fingerprint(const char *layout) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (; *layout; layout++) hash = (hash ^ (uint8_t)*layout) * 0x100000001b3u;
  return hash;
}

struct causeway_header {
  _Atomic uint64_t magic;
  uint32_t version;
  uint32_t header_bytes;
  uint64_t fingerprint;
  uint64_t size;
  uint32_t creator_pid;
  uint32_t creator_pid_namespace;
  uint64_t creator_start_time;
  uint64_t reserved[2];
};
_Static_assert(sizeof(struct causeway_header) == 64, "header");

static inline uint64_t causeway_magic(const char text[8]) {
  uint64_t magic;
  memcpy(&magic, text, 8);
  return magic;
}

/* Returns the struct behind the header, or NULL. The mapping must have at least length bytes by fstat, not by the header. */
static inline void *causeway_open(void *memory, size_t length, const char *layout, size_t size) {
  struct causeway_header *header = memory;
  if (length < sizeof *header + size) return NULL;
  if (atomic_load(&header->magic) != causeway_magic("CAUSEWAY")) return NULL;
  if (header->version != 1 || header->header_bytes != sizeof *header) return NULL;
  if (header->fingerprint != causeway_fingerprint(layout) || header->size != size) return NULL;
  return header + 1;
}

/* Returns the struct behind a new header, zeroed, or NULL when the memory is too small or not empty. */
static inline void *causeway_create(void *memory, size_t length, const char *layout, size_t size) {
  struct causeway_header *header = memory;
  uint64_t empty = 0;
  if (length < sizeof *header + size) return NULL;
  if (!atomic_compare_exchange_strong(&header->magic, &empty, causeway_magic("CREATING"))) return NULL;
  memset((char *)memory + 8, 0, sizeof *header - 8 + size);
  header->version = 1;
  header->header_bytes = sizeof *header;
  header->fingerprint = causeway_fingerprint(layout);
  header->size = size;
  header->creator_pid = (uint32_t)getpid();
  atomic_store(&header->magic, causeway_magic("CAUSEWAY"));
  return header + 1;
}
`,
};
