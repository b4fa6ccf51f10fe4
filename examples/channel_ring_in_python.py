# An end of a ring (docs/layouts.md, Rings), and the child's end of channelPair({ road: "ring" }), in Python: mmap, and two system calls by ctypes.
#
# Memory order. Python has no atomic operations. An item of a memoryview of "I" or "Q" is loaded and stored by one instruction of the processor, never torn
# (struct.pack_into("<I") stores byte after byte: not for shared words). On x86-64 that is a load with acquire and a store with release; only a store
# and a later load can change places, and where that matters (publish, then look whether the peer sleeps) there is a fence: a lock of CPython is a
# locked instruction. On aarch64 plain loads and stores order nothing: every load of a word would need a fence after it, every store one before it, and fence()
# would have to be a real one, such as atomic_thread_fence(5) of libatomic.so.1. This file has not been run there, so it refuses.
# Exchange and compare-exchange are done without: the kernel takes a free word for us (FUTEX_TRYLOCK_PI), and whoever wakes stores 0 and wakes in every way.
import ctypes
import json
import mmap
import os
import platform
import select
import socket
import struct
import threading

assert platform.machine() == "x86_64", "plain loads and stores are not ordered on this processor"
SYS_FUTEX, SYS_SET_ROBUST_LIST = 202, 273
FUTEX_WAIT, FUTEX_WAKE, FUTEX_TRYLOCK_PI = 0, 1, 8
OWNER = 0x3FFFFFFF
LOOK_AGAIN_S = 1

TAIL, SENT, HEAD, PRODUCER, CONSUMER, DATA = 64 // 4, 72 // 4, 128 // 4, 192 // 4, 256 // 4, 384
WORD, STATE, PID, ENTRY, SLEEP = 0, 1, 2, 8, 10  # of an end, in words
FREE, OPEN, CLOSED = 0, 1, 2
BY_FUTEX, BY_DOORBELL = 1, 2
PADDING = MOST = 2**32 - 1

libc = ctypes.CDLL(None, use_errno=True)
lock = threading.Lock()


class PeerDied(Exception):
    """The other end was killed, or ended without closing."""


class Corrupt(Exception):
    """The other end wrote what cannot be."""


def fence():
    """No load after it comes before a store before it."""
    lock.acquire()
    lock.release()


def address_of(memory):
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


def keep(memory):
    """The kernel reads it when this thread ends, after Python has freed everything: it is never freed."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(memory))
    return memory


def futex(address, operation, value, timeout=None):
    limit = timeout and struct.pack("qq", int(timeout), int(timeout % 1 * 1e9))
    # ctypes passes a bare int as 32 bits: an address needs a type of its own.
    return libc.syscall(SYS_FUTEX, ctypes.c_void_p(address), operation, ctypes.c_uint(value), limit, None, 0)


class RobustList:
    """What the kernel releases when this thread ends, however it ends. Only stored to shared memory, never read back."""

    def __init__(self):
        memory = keep(mmap.mmap(-1, 24))
        self.address = address_of(memory)
        self.head = memoryview(memory).cast("Q")  # the first entry, how far the word is from it, the entry that is being taken or given back
        self.head[0], self.head[1] = self.address, -32 % 2**64
        self.held = []  # entries and where to store what follows them, newest first
        assert libc.syscall(SYS_SET_ROBUST_LIST, ctypes.c_void_p(self.address), ctypes.c_size_t(24)) == 0

    def pending(self, entry=0):
        self.head[2] = entry

    def add(self, entry, following):
        following[0] = self.head[0]
        self.head[0] = entry
        self.held.insert(0, (entry, following))

    def remove(self, entry):
        at = [held for held, _ in self.held].index(entry)
        after = self.held[at + 1][0] if at + 1 < len(self.held) else self.address
        (self.held[at - 1][1] if at > 0 else self.head)[0] = after
        del self.held[at]


robust_list = RobustList()  # of the thread that imports this: no other may open ends


class Ring:
    """One end of a ring at `offset` of `memory`, an mmap. `bell` is a non-blocking stream socket, when the peer has its other end."""

    def __init__(self, memory, offset, sends, bell=None):
        keep(memory)
        self.words = memoryview(memory)[offset:].cast("I")
        magic, version, self.capacity, self.longest, flags, data = self.words[0:6]
        if (magic, version, flags, data) != (0x47525743, 1, 0, DATA):
            raise Corrupt("there is no ring that this program knows")
        if self.capacity & (self.capacity - 1) or not 64 <= self.capacity <= min(2**30, len(memory) - offset - DATA):
            raise Corrupt("the ring has a capacity that cannot be")
        if not 1 <= self.longest <= self.capacity // 2 - 8:
            raise Corrupt("the ring has messages that cannot be")
        self.data = memoryview(memory)[offset + DATA : offset + DATA + self.capacity]
        self.lengths = self.data.cast("I")
        self.own, self.peer = (PRODUCER, CONSUMER) if sends else (CONSUMER, PRODUCER)
        self.base, self.bell, self.hung_up = address_of(memory) + offset, bell, False
        self.closed = False
        self.following = memoryview(memory)[offset + 4 * (self.own + ENTRY) :][:8].cast("Q")
        self.take()
        # Staged or received up to here; published or given back up to here; the other cursor, when it was last looked at.
        self.at = self.done = self.words[TAIL if sends else HEAD]
        self.seen = self.words[HEAD]
        if (self.at | self.seen) & 7 or (self.at - self.seen) & MOST > self.capacity:
            raise Corrupt("the ring has cursors that cannot be")
        self.words[self.own + STATE] = OPEN
        self.wake()

    def take(self):
        entry = self.base + 4 * (self.own + ENTRY)
        robust_list.pending(entry)
        free = self.words[self.own + WORD] == 0 and self.words[self.own + STATE] == FREE
        if not free or futex(self.base + 4 * self.own, FUTEX_TRYLOCK_PI, 0) != 0:
            robust_list.pending()
            raise OSError("somebody has that end of the ring, or had it")
        robust_list.add(entry, self.following)
        if self.words[self.own + STATE] != FREE:  # somebody had it in between
            self.give_up()
            raise OSError("somebody had that end of the ring")
        robust_list.pending()
        self.words[self.own + PID] = os.getpid()
        self.words[self.own + SLEEP] = 0

    def give_up(self):
        """The word is only ever ours to release; whoever began to watch it meanwhile is woken."""
        robust_list.pending(self.base + 4 * (self.own + ENTRY))
        robust_list.remove(self.base + 4 * (self.own + ENTRY))
        self.words[self.own + WORD] = 0
        futex(self.base + 4 * self.own, FUTEX_WAKE, 2**31 - 1)
        robust_list.pending()

    def close(self):
        """A clean end: the peer receives what was sent, and then hears of it."""
        if self.closed:
            return
        self.closed = True
        self.words[self.own + STATE] = CLOSED
        self.give_up()
        self.wake()

    def gone(self):
        """What has become of the peer: "closed", "died", or None."""
        while True:
            word, state = self.words[self.peer + WORD], self.words[self.peer + STATE]
            if word & OWNER:
                return None
            if self.words[self.peer + WORD] != word:
                continue  # it has come between the two looks
            if state == CLOSED:
                return "closed"
            return "died" if word != 0 or state != FREE or self.hung_up else None

    def wake(self):
        """Whatever was stored before, the peer sees or is woken for."""
        fence()
        if self.words[self.peer + SLEEP] == 0:
            return
        self.words[self.peer + SLEEP] = 0
        # How it slept may have changed since the look: 1 is the word, 2 the doorbell.
        futex(self.base + 4 * (self.peer + SLEEP), FUTEX_WAKE, 2**31 - 1)
        if self.bell is not None:
            try:
                self.bell.send(b"\1")
            except OSError:
                pass  # full: it has enough to read; gone: nobody sleeps there

    def sleep(self, cursor):
        """Until the other cursor has moved, or the peer is gone; at most LOOK_AGAIN_S."""
        by_bell = self.bell is not None and not self.hung_up
        self.words[self.own + SLEEP] = BY_DOORBELL if by_bell else BY_FUTEX
        fence()
        if self.words[cursor] == self.seen and self.gone() is None:
            if by_bell:
                self.listen()
            else:
                futex(self.base + 4 * (self.own + SLEEP), FUTEX_WAIT, BY_FUTEX, LOOK_AGAIN_S)
        self.words[self.own + SLEEP] = 0

    def listen(self):
        poll = select.poll()
        poll.register(self.bell, select.POLLIN | select.POLLRDHUP)
        if poll.poll(1000 * LOOK_AGAIN_S):
            try:
                self.hung_up = self.bell.recv(64) == b""
            except BlockingIOError:
                pass
            except ConnectionError:
                self.hung_up = True

    def reserve(self, length):
        """Memory of the ring for a message, or None when the ring is full; `commit` sends it."""
        if length > self.longest:
            raise ValueError(f"a message has at most {self.longest} bytes")
        size, offset = 8 + (length + 7 & ~7), self.at & self.capacity - 1
        skip = self.capacity - offset if size > self.capacity - offset else 0
        if size + skip > self.capacity - ((self.at - self.seen) & MOST):
            head = self.words[HEAD]
            if head & 7 or (self.done - head) & MOST > (self.done - self.seen) & MOST:
                raise Corrupt(f"a head of {head}")
            self.seen = head
            if size + skip > self.capacity - ((self.at - self.seen) & MOST):
                return None
        if skip:
            self.lengths[offset // 4] = PADDING
            self.at = (self.at + skip) & MOST
        offset = self.at & self.capacity - 1
        self.lengths[offset // 4] = length
        return self.data[offset + 8 : offset + 8 + length]

    def commit(self):
        length = self.lengths[(self.at & self.capacity - 1) // 4]
        self.done = self.at = (self.at + 8 + (length + 7 & ~7)) & MOST
        self.words[SENT] = (self.words[SENT] + 1) & MOST
        self.words[TAIL] = self.done
        self.wake()

    def send(self, message):
        """Sends a copy. Raises PeerDied, or BrokenPipeError when the receiver has closed."""
        while True:
            gone = self.gone()
            if gone is not None:
                raise PeerDied() if gone == "died" else BrokenPipeError("the receiver has closed")
            room = self.reserve(len(message))
            if room is not None:
                break
            self.sleep(HEAD)
        room[:] = message
        self.commit()

    def receive(self):
        """The next message; None when the sender has closed and everything was received. Raises PeerDied."""
        while True:
            gone = self.gone()  # before the last look: what it had published, it had published before it went
            message = self.next()
            if message is not None:
                return message
            if gone is not None:
                if gone == "died":
                    raise PeerDied()
                return None
            self.sleep(TAIL)

    def next(self):
        while True:
            if self.at == self.seen:
                tail = self.words[TAIL]
                if tail & 7 or (tail - self.done) & MOST > self.capacity or (tail - self.at) & MOST > self.capacity:
                    raise Corrupt(f"a tail of {tail}")
                self.seen = tail
                if self.at == tail:
                    return None
            offset, there = self.at & self.capacity - 1, (self.seen - self.at) & MOST
            length, left = self.lengths[offset // 4], self.capacity - offset  # read once
            if length == PADDING and offset != 0 and left <= there:
                self.at = (self.at + left) & MOST
                continue
            size = 8 + (length + 7 & ~7)
            if length > self.longest or size > min(there, left):
                raise Corrupt(f"a record of {length} bytes")
            message = bytes(self.data[offset + 8 : offset + 8 + length])
            self.at = (self.at + size) & MOST
            # Given back in batches, unless somebody waits for room or there is no more.
            batch = (self.at - self.done) & MOST >= self.capacity // 8
            if batch or self.at == self.seen or self.words[self.peer + SLEEP] != 0:
                self.done = self.at
                self.words[HEAD] = self.done
                self.wake()
            return message


class Channel:
    """Sends and receives JSON values over the two rings that a parent gave this process."""

    def __init__(self):
        road, *numbers = os.environ.pop("CAUSEWAY_CHANNEL").split(":")
        assert road == "ring", road
        descriptor, bell, capacity, longest = map(int, numbers)
        self.bell = socket.socket(fileno=bell)
        self.bell.set_inheritable(False)
        self.bell.setblocking(False)
        assert os.fstat(descriptor).st_size == 2 * (DATA + capacity)
        memory = mmap.mmap(descriptor, 2 * (DATA + capacity))
        os.close(descriptor)
        self.outgoing = Ring(memory, DATA + capacity, True, self.bell)  # the parent writes the first ring
        self.incoming = Ring(memory, 0, False, self.bell)
        hello = struct.Struct("<8sHHIQ24s")
        try:
            self.outgoing.send(hello.pack(b"CAUSEWAY", 1, 0, longest, 0, b"json"))
        except (BrokenPipeError, PeerDied):
            pass  # a parent that has gone already: what it has sent is received all the same
        magic, version, _, self.most, fingerprint, codec = hello.unpack(self.incoming.receive())
        assert (magic, version, fingerprint, codec.rstrip(b"\0")) == (b"CAUSEWAY", 1, 0, b"json")

    def send(self, value):
        self.outgoing.send(json.dumps(value).encode())

    def __iter__(self):
        while (message := self.incoming.receive()) is not None:
            yield json.loads(message)

    def close(self):
        self.outgoing.close()
        self.incoming.close()
        self.bell.close()


if __name__ == "__main__":
    channel = Channel()
    for number in channel:
        channel.send({"by": "Python", "square": number * number})
    channel.close()
