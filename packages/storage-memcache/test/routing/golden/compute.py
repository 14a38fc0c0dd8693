#!/usr/bin/env python3
"""Asks libmemcached, through Debian's python3-pylibmc, which server it puts each key on.

Starts memcached on fixed ports (a server's name is part of what is hashed), stores every key once a setting, looks
on which server it arrived, and prints the answers as JSON. Run it as: /usr/bin/python3 compute.py > vectors.json
"""

import json
import socket
import subprocess
import sys
import time

import pylibmc

# 11211 is the port that libmemcached leaves out of a server's name.
PORTS = [11211, 21301, 21302, 21303, 21304]
KEYS = (
    [f"key-{i}" for i in range(400)]
    + [f"user:{i * 7919}:profile/{'x' * (i % 60)}" for i in range(200)]
    + [f"é-ключ-{i}" for i in range(100)]
)
SETTINGS = {
    f"{distribution} {name}": {"distribution": distribution, "hash": name}
    for distribution in ["modula", "consistent"]
    for name in ["default", "md5", "crc", "fnv1_32", "fnv1a_32"]
}
SETTINGS["ketama"] = {"ketama": True}
SETTINGS["ketama_weighted"] = {"ketama_weighted": True}
WEIGHTS = {"": [1] * len(PORTS), " weights": [1, 2, 3, 1, 5]}


class Server:
    def __init__(self, port):
        self.port = port
        command = ["memcached", "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-u", "nobody"]
        self.process = subprocess.Popen(command)
        self.socket = None
        for _ in range(100):
            try:
                self.socket = socket.create_connection(("127.0.0.1", port))
                break
            except OSError:
                time.sleep(0.05)
        self.file = self.socket.makefile("rb")

    def ask(self, line):
        self.socket.sendall(line + b"\r\n")
        return self.file.readline()

    def has(self, key):
        return self.ask(b"mg " + key.encode()).startswith(b"HD")


def main():
    servers = [Server(port) for port in PORTS]
    vectors = {}
    try:
        for suffix, weights in WEIGHTS.items():
            names = [f"127.0.0.1:{port}:{weight}" for port, weight in zip(PORTS, weights)]
            for name, behaviors in SETTINGS.items():
                for server in servers:
                    server.ask(b"flush_all")
                client = pylibmc.Client(names, behaviors=behaviors)
                for key in KEYS:
                    client.set(key, "v")
                vectors[name + suffix] = "".join(
                    str(next(i for i, server in enumerate(servers) if server.has(key))) for key in KEYS
                )
    finally:
        for server in servers:
            server.process.kill()
    version = f"pylibmc {pylibmc.__version__}, libmemcached {pylibmc.libmemcached_version}"
    json.dump({"from": version, "ports": PORTS, "weights": WEIGHTS, "keys": KEYS, "vectors": vectors}, sys.stdout, indent=1, ensure_ascii=False)
    print()


main()
