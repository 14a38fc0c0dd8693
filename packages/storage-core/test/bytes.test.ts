import { checkSource, collect, untilAborted } from '@larder/storage-core/driver'
import { describe, expect, test } from 'vitest'

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** A source that tells what was done with it. */
function watched(chunks: readonly unknown[], hangs = false) {
  const state = { asked: 0, ended: false }
  async function* source() {
    try {
      for (const chunk of chunks) {
        state.asked++
        yield chunk as Uint8Array
      }
      if (hangs) await new Promise<never>(() => undefined)
    } finally {
      state.ended = true
    }
  }
  return { state, source: source() }
}

async function read(stream: AsyncIterable<Uint8Array>): Promise<string> {
  return Buffer.from(await collect(stream)).toString()
}

describe('checkSource', () => {
  test('bytes are taken as they are, strings as UTF-8', () => {
    const bytes = Uint8Array.of(1, 2, 3)
    const checked = checkSource(bytes)
    expect.assert('bytes' in checked && checked.bytes === bytes)
    expect(checkSource('\u00e9')).toEqual({ bytes: Buffer.from([0xc3, 0xa9]) })
  })

  test('a stream may yield strings too, but no halves of pairs and nothing else', async () => {
    const streamOf = (...chunks: unknown[]) => {
      const checked = checkSource(watched(chunks).source)
      expect.assert('stream' in checked)
      return checked.stream
    }
    expect(await read(streamOf('a', Buffer.from('b'), Uint8Array.of(99)))).toBe('abc')
    await expect(read(streamOf('a', '\ud83d', '\ude00'))).rejects.toThrow(RangeError)
    await expect(read(streamOf('a', 7))).rejects.toThrow(TypeError)
  })

  test('a stream that is not read is not started', async () => {
    const { state, source } = watched(['a'])
    checkSource(source)
    await turn()
    expect(state.asked).toBe(0)
  })
})

describe('collect', () => {
  test('copies every chunk, one alone too', async () => {
    const chunk = Buffer.from('one')
    const { source } = watched([chunk])
    const bytes = await collect(source)
    chunk.fill(0)
    expect(Buffer.from(bytes).toString()).toBe('one')
    expect((await collect(watched([]).source)).length).toBe(0)
  })

  test('does not wait for a source that hangs', async () => {
    const abort = new AbortController()
    const checked = checkSource(watched([Buffer.from('a')], true).source, abort.signal)
    expect.assert('stream' in checked)
    const collecting = collect(checked.stream)
    const refused = expect(collecting).rejects.toMatchObject({ code: 'E_ABORTED' })
    await turn()
    abort.abort()
    await refused
  })
})

describe('untilAborted', () => {
  test('is the work, or E_ABORTED as soon as the signal fires', async () => {
    expect(await untilAborted(Promise.resolve(1), undefined)).toBe(1)
    const abort = new AbortController()
    expect(await untilAborted(Promise.resolve(2), abort.signal)).toBe(2)
    const waiting = untilAborted(new Promise<never>(() => undefined), abort.signal, 'k')
    abort.abort('reason')
    await expect(waiting).rejects.toMatchObject({ code: 'E_ABORTED', key: 'k', cause: 'reason' })
    await expect(untilAborted(new Promise<never>(() => undefined), abort.signal)).rejects.toMatchObject({
      code: 'E_ABORTED',
    })
  })

  test('leaves no listener behind, and no unhandled rejection', async () => {
    const { signal } = new AbortController()
    let listening = 0
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = (...args: Parameters<typeof add>) => (listening++, add(...args))
    signal.removeEventListener = (...args: Parameters<typeof remove>) => (listening--, remove(...args))
    await untilAborted(Promise.resolve(), signal)
    await expect(untilAborted(Promise.reject(new Error('x')), signal)).rejects.toThrow()
    expect(listening).toBe(0)
  })
})
