"""What a channel is measured against: multiprocessing's Pipe and Queue. channel_multiprocessing.py CPU HOW ROAD

HOW "round": to a child and back; "stream": one way, of which the last is answered. ROAD "pipe": 64 bytes by send_bytes; "objects": an object of 64 bytes of
JSON by send; "queue": 64 bytes by put. Rounds are served as contender.h serves them.
"""
import ctypes
import multiprocessing
import os
import signal
import sys
import time

PR_SET_PDEATHSIG = 1
BYTES = bytes(64)
LAST = b"last".ljust(64)
OBJECT = {"kind": "job", "number": 12345, "text": "a letter to Ada", "ok": True}


def echo(cpu, how, receive, send):
    # It would wait for ever: it has inherited both ends of what it waits for.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if cpu >= 0:
        os.sched_setaffinity(0, [cpu])
    while True:
        message = receive()
        if how == "round" or message == LAST:
            send(message)


def main():
    cpu, how, road = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    context = multiprocessing.get_context("fork")
    if road == "queue":
        out, back = context.Queue(), context.Queue()
        ours, theirs = (out.put, back.get), (out.get, back.put)
    else:
        here, there = context.Pipe()
        if road == "pipe":
            ours, theirs = (here.send_bytes, here.recv_bytes), (there.recv_bytes, there.send_bytes)
        else:
            ours, theirs = (here.send, here.recv), (there.recv, there.send)
    send, receive = ours
    message = OBJECT if road == "objects" else BYTES
    child = context.Process(target=echo, args=(cpu, how, *theirs), daemon=True)
    child.start()
    print("ready", flush=True)
    for line in sys.stdin:
        operations = int(line)
        start = time.perf_counter_ns()
        if how == "round":
            for _ in range(operations):
                send(message)
                receive()
        else:
            for _ in range(operations - 1):
                send(message)
            send(LAST)
            receive()
        print('{"nanoseconds":%d}' % (time.perf_counter_ns() - start), flush=True)
    child.kill()
    child.join()


main()
