/** Command codes of the binary protocol (memcached's protocol_binary.h). 0x1b, verbosity, gets no answer: never sent. */
export const Opcode = {
  get: 0x00,
  set: 0x01,
  add: 0x02,
  replace: 0x03,
  delete: 0x04,
  increment: 0x05,
  decrement: 0x06,
  flush: 0x08,
  getQuietly: 0x09,
  noop: 0x0a,
  version: 0x0b,
  append: 0x0e,
  prepend: 0x0f,
  stat: 0x10,
  setQuietly: 0x11,
  deleteQuietly: 0x14,
  touch: 0x1c,
  getAndTouch: 0x1d,
  saslList: 0x20,
  saslAuth: 0x21,
} as const

export const Status = {
  ok: 0x00,
  notFound: 0x01,
  exists: 0x02,
  tooLarge: 0x03,
  notStored: 0x05,
  notANumber: 0x06,
  authError: 0x20,
  outOfMemory: 0x82,
} as const

const STATUS_TEXT: Readonly<Record<number, string>> = {
  0x01: 'not found',
  0x02: 'exists',
  0x03: 'too large',
  0x04: 'invalid arguments',
  0x05: 'not stored',
  0x06: 'not a number',
  0x20: 'authentication error',
  0x21: 'authentication continues',
  0x81: 'unknown command',
  0x82: 'out of memory',
  0x83: 'not supported',
  0x84: 'internal error',
  0x85: 'busy',
  0x86: 'temporary failure',
}

/** What a status means, for messages. */
export function statusText(status: number): string {
  return STATUS_TEXT[status] ?? `status 0x${status.toString(16)}`
}
