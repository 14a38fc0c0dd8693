"""The keys of the vectors, by a rule that `test/routing/golden-keys.ts` follows too."""

import hashlib

COUNT = 1200
ASCII = [chr(code) for code in range(0x21, 0x7F)]
# Characters of two, three and four bytes of UTF-8.
OTHERS = ["é", "ß", "ж", "я", "€", "中", "文", "😀", "🗄"]


def golden_keys():
    state = 1

    def draw(bound):
        nonlocal state
        state = (state * 1664525 + 1013904223) % 2**32
        return (state >> 16) % bound

    keys = []
    for i in range(COUNT):
        # Every seventh key may have as many bytes as memcached takes.
        limit = 250 if i % 49 == 0 else 1 + draw(250 if i % 7 == 0 else 40)
        pool = ASCII if i % 2 == 0 else ASCII[:9] + OTHERS
        key = f"{i}:"
        size = len(key)
        while True:
            character = pool[draw(len(pool))]
            size += len(character.encode())
            if size > limit:
                break
            key += character
        keys.append(key)
    return keys


def digest(keys):
    return hashlib.sha256("\n".join(keys).encode()).hexdigest()
