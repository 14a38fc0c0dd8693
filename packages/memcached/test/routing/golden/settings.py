"""Which settings are asked, over which servers.

A setting is named by what this library calls it; beside it stands what pylibmc is told.
"""

# Servers are address:weight, but for sockets, which have no weight.
SERVER_SETS = {
    "plain": ["127.0.0.1:21301:1", "127.0.0.1:21302:1", "127.0.0.1:21303:1"],
    "weights": ["127.0.0.1:21301:1", "127.0.0.1:21302:2", "127.0.0.1:21303:3", "127.0.0.1:21304:5"],
    # 11211 is the port that libmemcached leaves out of a server's name.
    "default port": ["127.0.0.11:11211:1", "127.0.0.12:11211:2", "127.0.0.13:11211:1"],
    "one default port": ["127.0.0.11:11211:1", "127.0.0.1:21301:1", "127.0.0.12:11211:1", "127.0.0.1:21302:1"],
    "host names": ["localhost:21331:1", "localhost:21332:3", "127.0.0.1:21333:1"],
    "IPv6": ["[::1]:21321:1", "[::1]:21322:2", "[::1]:11211:1"],
    "sockets": ["/tmp/larder-golden-1.sock", "/tmp/larder-golden-2.sock", "/tmp/larder-golden-3.sock"],
}
# Shares whose number of points depends on rounding, some so small that they have none.
# pylibmc takes 16 bits of a weight and drops the others: larger ones cannot agree.
for weights in [
    [3, 7, 11, 13, 17, 19, 23, 29],
    [10, 20, 30, 40, 50, 60, 70, 80],
    [1, 1, 1, 1, 1, 1, 1, 1000],
    [100, 150, 225, 337, 506, 759, 1139, 1708],
    [1, 1, 1, 2, 2, 4, 4, 5],
    [65535, 65521, 32768, 30011, 20011, 40009, 257, 1],
    [1, 1, 1],
    [1, 1, 1, 1, 1, 1],
    [1, 1, 1, 1, 1, 1, 1],
]:
    SERVER_SETS[f"rounding {weights}"] = [
        f"127.0.0.1:{21301 + i}:{weight}" for i, weight in enumerate(weights)
    ]

HASHES = {
    "one-at-a-time": "default",
    **{name: name for name in ["md5", "crc", "fnv1_32", "fnv1_64", "fnv1a_32", "fnv1a_64", "jenkins", "murmur"]},
}


FLAG = ({"distribution": "ketama_weighted", "hash": "md5"}, {"ketama_weighted": True}, [])


def each_hash():
    for name, theirs in HASHES.items():
        yield {"distribution": "modula", "hash": name}, {"hash": theirs}, []
        for distribution in ["consistent", "consistent ketama"]:
            first = {"hash": theirs, "distribution": distribution}
            yield {"distribution": "consistent", "hash": name}, first, []
        yield {"distribution": "ketama", "hash": name}, {"hash": theirs, "ketama": True}, []
        spy = {"hash": theirs, "distribution": "consistent ketama spy"}
        yield {"distribution": "ketama_spy", "hash": name}, spy, []
        weighted = {"hash": theirs, "distribution": "consistent weighted"}
        yield {"distribution": "ketama_weighted", "hash": name}, weighted, []
        # The flag brings MD5 along, whatever hash stands beside it.
        flag = {"hash": theirs, "ketama_weighted": True}
        yield {"distribution": "ketama_weighted", "hash": "md5"}, flag, []


def set_later():
    """A hash that is set after the distribution is for keys only: the points keep theirs."""
    for name, theirs in HASHES.items():
        points = {"pointHash": "one-at-a-time"}
        yield {"distribution": "ketama", "hash": name, **points}, {}, [{"ketama": True}, {"hash": theirs}]
        later = [{"ketama_weighted": True}, {"hash": theirs}]
        yield {"distribution": "ketama_weighted", "hash": name}, {}, later


def a_few():
    yield {"distribution": "modula", "hash": "one-at-a-time"}, {}, []
    yield {"distribution": "ketama", "hash": "one-at-a-time"}, {"ketama": True}, []
    yield {"distribution": "ketama", "hash": "md5"}, {"ketama": True, "hash": "md5"}, []
    spy = {"hash": "md5", "distribution": "consistent ketama spy"}
    yield {"distribution": "ketama_spy", "hash": "md5"}, spy, []
    yield FLAG


def for_pylibmc(set_name):
    if set_name == "plain":
        return [*each_hash(), *set_later()]
    if set_name == "weights":
        return [*each_hash()]
    if set_name.startswith("rounding"):
        return [FLAG]
    return [*a_few()]


def for_python_memcached(set_name):
    return ["cmemcache", "crc32", "adler32", "pair"] if set_name in ("plain", "weights") else []


def pair_hash(index):
    """Of the key at `index`, beyond 32 bits for most."""
    return index * index * 1000003
