import { createHash } from 'node:crypto'

const ASCII = Array.from({ length: 0x7f - 0x21 }, (_, i) => String.fromCharCode(0x21 + i))
/** Characters of two, three and four bytes of UTF-8. */
const OTHERS = ['é', 'ß', 'ж', 'я', '€', '中', '文', '😀', '🗄']

/** The keys of the vectors, by a rule that `golden/keys.py` follows too; `digest` proves it. */
export function goldenKeys(count: number): readonly string[] {
  let state = 1
  const draw = (bound: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state >>> 16) % bound
  }
  return Array.from({ length: count }, (_, i) => {
    // Every seventh key may have as many bytes as memcached takes.
    const limit = i % 49 === 0 ? 250 : 1 + draw(i % 7 === 0 ? 250 : 40)
    const pool = i % 2 === 0 ? ASCII : [...ASCII.slice(0, 9), ...OTHERS]
    let key = `${i}:`
    let size = key.length
    for (;;) {
      const character = pool[draw(pool.length)]!
      size += Buffer.byteLength(character)
      if (size > limit) return key
      key += character
    }
  })
}

export function digest(keys: readonly string[]): string {
  return createHash('sha256').update(keys.join('\n')).digest('hex')
}
