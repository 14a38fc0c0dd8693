"""Runs one test with Debian's pylibmc and prints operations (or keys) a second: ADDRESS TEST BYTES OPERATIONS BATCH."""

import sys
import time

import pylibmc

address, test, size, operations, batch = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
client = pylibmc.Client([address], binary=True, behaviors={"tcp_nodelay": True})
value = b"x" * size
keys = [f"bench:{size}:{i}" for i in range(1000)]
start = time.perf_counter()
for i in range(0, operations, batch):
    part = [keys[(i + j) % 1000] for j in range(batch)]
    if test == "getMulti":
        client.get_multi(part)
    else:
        client.set_multi(dict.fromkeys(part, value))
print(operations / (time.perf_counter() - start))
