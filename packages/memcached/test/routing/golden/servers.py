"""Private memcached processes, and which of them a key is on."""

import os
import socket
import subprocess
import time


class Server:
    """`address` is `host:port`, `[v6]:port` or a path, as clients are told it."""

    def __init__(self, address):
        self.address = address
        self.file = None
        self.process = subprocess.Popen(
            ["memcached", "-u", "nobody", "-U", "0", "-t", "1", "-m", "64"] + self.flags()
        )

    def flags(self):
        if self.address.startswith("/"):
            if os.path.exists(self.address):
                raise RuntimeError(f"{self.address} is in use")
            return ["-s", self.address, "-a", "0777"]
        host, port = self.address.rsplit(":", 1)
        return ["-l", host, "-p", port]

    def connect(self):
        for _ in range(100):
            if self.process.poll() is not None:
                raise RuntimeError(f"memcached could not listen on {self.address}")
            try:
                self.file = self.open().makefile("rwb")
                break
            except OSError:
                time.sleep(0.05)
        if self.file is None or self.pid() != self.process.pid:
            raise RuntimeError(f"{self.address} does not lead to the memcached that was started for it")

    def pid(self):
        self.file.write(b"stats\r\n")
        self.file.flush()
        lines = iter(self.file.readline, b"END\r\n")
        return int(dict(line.split()[1:3] for line in lines)[b"pid"])

    def open(self):
        if self.address.startswith("/"):
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(self.address)
            return connection
        host, port = self.address.rsplit(":", 1)
        return socket.create_connection((host.strip("[]"), int(port)))

    def values(self, keys):
        """The value of each key, None where the server does not have it."""
        for key in keys:
            self.file.write(b"get " + key.encode() + b"\r\n")
        self.file.flush()
        return [self.value() for _ in keys]

    def value(self):
        line = self.file.readline()
        if line == b"END\r\n":
            return None
        value = self.file.read(int(line.split()[3]) + 2)[:-2]
        self.file.readline()
        return value

    def stop(self):
        self.process.terminate()
        self.process.wait()
        if self.address.startswith("/") and os.path.exists(self.address):
            os.unlink(self.address)


def placement(servers, keys, value):
    """One digit a key: the index of the only server that has it under `value`."""
    found = [server.values(keys) for server in servers]
    digits = ""
    for i, key in enumerate(keys):
        holders = [index for index, values in enumerate(found) if values[i] == value]
        if len(holders) != 1:
            raise RuntimeError(f"{key!r} is on the servers {holders}")
        digits += str(holders[0])
    return digits
