// What is measured: the same work for every client.
import { Buffer } from 'node:buffer'

/** How many commands are open at once where a test has no batches. */
export const WIDTH = 64
/** Keys of a batch. */
export const BATCH = 100
export const KEYS = 1000

export function keysOf(bytes) {
  return Array.from({ length: KEYS }, (_, i) => `bench:${bytes}:${i}`)
}

export function median(numbers) {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]
}

/** `width` workers, each of which takes the next number when its last promise has resolved. */
export async function inParallel(count, width, work) {
  let next = 0
  const worker = async () => {
    while (next < count) await work(next++)
  }
  await Promise.all(Array.from({ length: width }, worker))
}

/** A function that does the work once; undefined where the client cannot. */
export function workOf(client, { test, bytes, operations }) {
  const keys = keysOf(bytes)
  const value = client.asText === true ? 'x'.repeat(bytes) : Buffer.alloc(bytes, 'x')
  if (client.prepare !== undefined) return client.prepare(test, keys, value, operations)
  const part = (i) => keys.slice((i * BATCH) % KEYS, ((i * BATCH) % KEYS) + BATCH)
  switch (test) {
    case 'get':
      return () => inParallel(operations, WIDTH, (i) => client.get(keys[i % KEYS]))
    case 'set':
      return () => inParallel(operations, WIDTH, (i) => client.set(keys[i % KEYS], value))
    case 'getMulti':
      return () => inParallel(operations / BATCH, 1, (i) => client.getMulti(part(i)))
    default:
      return () =>
        inParallel(operations / BATCH, 1, (i) => client.setMulti(part(i).map((key) => [key, value])))
  }
}
