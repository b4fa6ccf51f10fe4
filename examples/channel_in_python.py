# The child's end of a channelPair, in Python: frames over an inherited Unix stream socket (docs/layouts.md, Frames).
import json
import os
import socket
import struct

HELLO, DATA, END, BYE = 1, 2, 3, 4
HEADER = struct.Struct("<IB")
HELLO_PAYLOAD = struct.Struct("<8sHHIQ24s")


class Channel:
    """Sends and receives JSON values."""

    def __init__(self):
        road, _, descriptor = os.environ.pop("CAUSEWAY_CHANNEL").partition(":")
        assert road == "socket", road
        self.socket = socket.socket(fileno=int(descriptor))
        self.socket.set_inheritable(False)
        self.incoming = self.socket.makefile("rb")
        self.most = 2**20
        try:
            self.write(HELLO, HELLO_PAYLOAD.pack(b"CAUSEWAY", 1, 0, self.most, 0, b"json"))
        except BrokenPipeError:
            pass  # a parent that has gone already: what it has sent is received all the same
        magic, version, _, self.peer_most, fingerprint, codec = HELLO_PAYLOAD.unpack(self.read()[1])
        assert (magic, version, fingerprint, codec.rstrip(b"\0")) == (b"CAUSEWAY", 1, 0, b"json")

    def write(self, kind, payload=b""):
        self.socket.sendall(HEADER.pack(len(payload), kind) + payload)

    def exactly(self, count):
        data = self.incoming.read(count)
        if len(data) < count:
            raise EOFError("the peer died")
        return data

    def read(self):
        length, kind = HEADER.unpack(self.exactly(HEADER.size))
        if length > self.most:
            raise ValueError("longer than was agreed")
        return kind, self.exactly(length)

    def send(self, value):
        payload = json.dumps(value).encode()
        if len(payload) > self.peer_most:
            raise ValueError("longer than the peer takes")
        self.write(DATA, payload)

    def __iter__(self):
        while True:
            kind, payload = self.read()
            if kind in (END, BYE):
                return
            yield json.loads(payload)

    def close(self):
        try:
            self.write(BYE)
        except BrokenPipeError:
            pass  # who has gone already need not be told
        self.socket.close()


if __name__ == "__main__":
    channel = Channel()
    for number in channel:
        channel.send({"by": "Python", "square": number * number})
    channel.close()
