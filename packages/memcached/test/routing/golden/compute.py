#!/usr/bin/env python3
"""Where libmemcached (through pylibmc) and python-memcached put keys, written to vectors.json.

Stores every key once a setting in memcached processes of its own and looks on which of them it arrived. Their
addresses are fixed, because clients hash them; nothing else may listen there. By hand, with Debian's packages
memcached, python3-pylibmc and python3-memcache: /usr/bin/python3 compute.py
"""

import binascii
import json
import pathlib
import zlib

import memcache
import pylibmc

from keys import COUNT, digest, golden_keys
from servers import Server, placement
from settings import SERVER_SETS, for_pylibmc, for_python_memcached, pair_hash

KEYS = golden_keys()
OUTPUT = pathlib.Path(__file__).with_name("vectors.json")
serial = 0


def next_value():
    """No two settings store the same value, so that what an earlier one left behind is told apart."""
    global serial
    serial += 1
    return f"value {serial}".encode()


def by_pylibmc(processes, servers, first, later):
    """`first` is set before the client has servers, `later` one after the other when it has them."""
    client = pylibmc.Client(servers, behaviors=first or None)
    for behaviors in later:
        client.behaviors.update(behaviors)
    value = next_value()
    for key in KEYS:
        client.set(key.encode(), value)
    return placement(processes, KEYS, value)


def by_python_memcached(processes, servers, name):
    hashes = {"crc32": binascii.crc32, "adler32": zlib.adler32}
    memcache.serverHashFunction = hashes.get(name, memcache.cmemcache_hash)
    # It takes weights beside the address.
    client = memcache.Client([(server.rsplit(":", 1)[0], int(server.rsplit(":", 1)[1])) for server in servers])
    value = next_value()
    for i, key in enumerate(KEYS):
        client.set((pair_hash(i), key.encode()) if name == "pair" else key.encode(), value)
    return placement(processes, KEYS, value)


def main():
    running = {}
    vectors = []

    def note(client, servers, setting, digits):
        # Many settings agree: their digits are kept once.
        same = next((i for i, vector in enumerate(vectors) if vector.get("placed") == digits), None)
        entry = {"client": client, "servers": ",".join(servers), **setting}
        vectors.append({**entry, **({"placed": digits} if same is None else {"sameAs": same})})

    try:
        for set_name, servers in SERVER_SETS.items():
            addresses = [s if s.startswith("/") else s.rsplit(":", 1)[0] for s in servers]
            for address in addresses:
                if address not in running:
                    running[address] = Server(address)
                    running[address].connect()
            processes = [running[address] for address in addresses]
            for setting, first, later in for_pylibmc(set_name):
                note("pylibmc", servers, setting, by_pylibmc(processes, servers, first, later))
            for name in for_python_memcached(set_name):
                digits = by_python_memcached(processes, servers, name)
                note("python-memcached", servers, {"hash": name}, digits)
    finally:
        for server in running.values():
            server.stop()
    versions = f"pylibmc {pylibmc.__version__}, python-memcached {memcache.__version__}"
    golden = {"from": versions, "count": COUNT, "sha256": digest(KEYS), "vectors": vectors}
    OUTPUT.write_text(json.dumps(golden, indent=2, ensure_ascii=False) + "\n")
    print(f"{len(vectors)} vectors of {COUNT} keys")


main()
