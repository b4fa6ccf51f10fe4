# What serve() does, in Python: methods, streams and callbacks for a Deno program (lib/channel/rpc.ts describes the messages).
from channel_in_python import Channel


def add(a, b):
    return a + b


def words(text):
    yield from text.split()


def greet(name, shout):
    return shout("hello " + name)


class Server:
    def __init__(self, channel, *methods):
        self.channel, self.incoming = channel, iter(channel)
        self.methods = {method.__name__: method for method in methods}
        self.streams, self.last = {}, 0

    def run(self):
        for message in self.incoming:
            self.take(message)

    def take(self, message):
        kind = message["kind"]
        if kind == "call":
            try:
                value = self.methods[message["method"]](*map(self.decode, message["args"]))
                self.channel.send({"kind": "return", "id": message["id"], "value": self.encode(value)})
            except Exception as error:
                about = {"$": "error", "name": type(error).__name__, "message": str(error)}
                self.channel.send({"kind": "throw", "id": message["id"], "error": about})
        elif kind == "pull":
            for _ in range(message["count"]):
                self.item(message["stream"])
        elif kind == "stop":
            self.streams.pop(message["stream"], None)

    def item(self, stream):
        if stream not in self.streams:
            return
        try:
            self.channel.send({"kind": "item", "stream": stream, "value": next(self.streams[stream])})
        except StopIteration:
            del self.streams[stream]
            self.channel.send({"kind": "end", "stream": stream})

    def encode(self, value):
        if not hasattr(value, "__next__"):
            return value
        self.last += 1
        self.streams[self.last] = value
        return {"$": "stream", "id": self.last}

    def decode(self, value):
        is_function = isinstance(value, dict) and value.get("$") == "function"
        return (lambda *args: self.call_back(value["id"], args)) if is_function else value

    def call_back(self, function, args):
        self.last += 1
        self.channel.send({"kind": "call", "id": self.last, "function": function, "args": list(args)})
        for message in self.incoming:
            if message["kind"] in ("return", "throw") and message["id"] == self.last:
                return message.get("value")
            self.take(message)


if __name__ == "__main__":
    Server(Channel(), add, words, greet).run()
