"""exchange.py write|read PORT PREFIX CLIENT KEY...: stores values, or prints what it reads."""

import json
import sys


def connect(name, port):
    if name == "pylibmc":
        import pylibmc

        return pylibmc.Client([f"127.0.0.1:{port}"])
    if name == "memcache":
        import memcache

        return memcache.Client([f"127.0.0.1:{port}"])
    import pymemcache
    from pymemcache import serde

    return pymemcache.Client(("127.0.0.1", int(port)), serde=serde.pickle_serde)


what, port, prefix, name, *keys = sys.argv[1:]
cache = connect(name, port)
packing = {} if name == "pymemcache" else {"min_compress_len": 1000}
if what == "write":
    values = {
        "text": "hällo",
        "empty": "",
        "bytes": b"\x00\xff\r\n",
        "small": 42,
        "negative": -3,
        "large": 2**70,
        "long": "long text " * 500,
        "list": [1, 2],
        "float": 1.5,
    }
    for key, value in values.items():
        cache.set(prefix + key, value, **packing)
    cache.set(prefix + "counter", 41)
    cache.incr(prefix + "counter", 1)
else:
    found = {}
    for key in keys:
        value = cache.get(prefix + key)
        found[key] = [type(value).__name__, value.hex() if isinstance(value, bytes) else str(value)]
    print(json.dumps(found))
