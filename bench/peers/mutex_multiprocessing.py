"""Acquire and release of a multiprocessing.Lock that nobody else wants, served as contender.h serves rounds."""
import multiprocessing
import sys
import time


def main():
    lock = multiprocessing.Lock()
    print("ready", flush=True)
    for line in sys.stdin:
        start = time.perf_counter_ns()
        for _ in range(int(line)):
            lock.acquire()
            lock.release()
        print('{"nanoseconds":%d}' % (time.perf_counter_ns() - start), flush=True)


main()
