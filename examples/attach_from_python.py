"""Attaches to the struct of attach_from_c_and_python.ts by its name and offsets: checks the header, and changes some fields."""

import json
import mmap
import os
import struct
import sys

name, facts = sys.argv[1], json.loads(sys.argv[2])
HEADER = 64

fd = os.open("/dev/shm" + name, os.O_RDWR)
with mmap.mmap(fd, os.fstat(fd).st_size) as memory:
    magic, version, _, fingerprint = struct.unpack_from("<8sIIQ", memory, 0)
    assert (magic, version, fingerprint) == (b"CAUSEWAY", 1, int(facts["fingerprint"]))

    def get(field, form):
        return struct.unpack_from("<" + form, memory, HEADER + facts[field])[0]

    def put(field, form, value):
        struct.pack_into("<" + form, memory, HEADER + facts[field], value)

    print(get("name", "16s").rstrip(b"\0").decode(), get("hits", "q"), get("seen", "I"), sep=", ")
    put("hits", "q", get("hits", "q") + 2)
    put("price", "d", get("price", "d") + 0.25)
    put("state", "B", 2)
    put("name", "16s", b"from Python")
