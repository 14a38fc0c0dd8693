#!/usr/bin/env python3
"""How pylibmc and python-memcached store plain values, and what they read of ours, written to values.json.

By hand, with Debian's packages memcached, python3-pylibmc and python3-memcache: /usr/bin/python3 compute.py
"""

import json
import pathlib
import socket
import subprocess
import time
import zlib

import memcache
import pylibmc

PORT = 21947
LONG = "long text " * 100

# Named as the test knows them.
THEIRS = {
    "text": "h\u00e4llo",
    "empty": "",
    "bytes": b"\x00\xff\r\n",
    "small": 42,
    "negative": -3,
    "large": 2**70,
    "true": True,
    "object": {"a": 1},
}
# As this client stores them: flags and bytes.
OURS = {
    "text": (16, "h\u00e4llo".encode()),
    "bytes": (0, b"\x00\xff\r\n"),
    "integer": (2, b"42"),
    "bigint": (4, str(2**70).encode()),
    "packed": (16 | 8, zlib.compress(LONG.encode())),
}


class Raw:
    """memcached's text protocol, which shows the flags."""

    def __init__(self):
        self.file = socket.create_connection(("127.0.0.1", PORT)).makefile("rwb")

    def get(self, key):
        self.file.write(b"get %s\r\n" % key.encode())
        self.file.flush()
        _, _, flags, size = self.file.readline().split()
        value = self.file.read(int(size) + 2)[:-2]
        self.file.readline()
        return {"flags": int(flags), "hex": value.hex()}

    def set(self, key, flags, value):
        self.file.write(b"set %s %d 0 %d\r\n%s\r\n" % (key.encode(), flags, len(value), value))
        self.file.flush()
        assert self.file.readline() == b"STORED\r\n"


def stored(client, raw, packing):
    result = {}
    for name, value in THEIRS.items():
        client.set(name, value)
        result[name] = raw.get(name)
    client.set("packed", LONG, **packing)
    return {**result, "packed": raw.get("packed")}


def read(client, raw):
    result = {}
    for name, (flags, value) in OURS.items():
        raw.set(name, flags, value)
        found = client.get(name)
        result[name] = {"flags": flags, "hex": value.hex(), "type": type(found).__name__}
        result[name]["reads"] = found.hex() if isinstance(found, bytes) else str(found)
    return result


def main():
    server = subprocess.Popen(["/usr/bin/memcached", "-u", "nobody", "-l", "127.0.0.1", "-p", str(PORT)])
    try:
        time.sleep(0.5)
        raw = Raw()
        clients = {
            "pylibmc": (pylibmc.Client([f"127.0.0.1:{PORT}"]), {"min_compress_len": 100}),
            "python-memcached": (memcache.Client([f"127.0.0.1:{PORT}"]), {"min_compress_len": 100}),
        }
        golden = {
            name: {"stores": stored(client, raw, packing), "reads": read(client, raw)}
            for name, (client, packing) in clients.items()
        }
        text = json.dumps(golden, indent=2) + "\n"
        pathlib.Path(__file__).with_name("values.json").write_text(text)
    finally:
        server.terminate()
        server.wait()


main()
