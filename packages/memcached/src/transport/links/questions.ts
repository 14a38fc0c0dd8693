import { HEADER_BYTES, Opcode, Status } from '../../protocol/index.js'
import { openBinary } from '../binary/session.js'
import type { Credentials } from '../credentials.js'
import type { OpenSession } from '../session.js'
import { quote, type Question } from './asking-link.js'

/** Longer than any answer to a question. */
const MAX_ANSWER_BYTES = 1024
const LINE_END = '\r\n'

/**
 * As long as the header of a binary request: a server that speaks nothing else would wait for the rest of a shorter
 * question, and takes this one for garbage at once. Spaces behind a command mean nothing to the others.
 */
export const META_ANSWER = 'MN'
const META_NOOP = `${'mn'.padEnd(22)}${LINE_END}`
/** No one stores it, and its answer is `END`, or the error of a proxy whose server is down. */
const CLASSIC_PROBE = `get larder:probe${LINE_END}`

/** Of a line: how to speak to the server, that the next question is due, or undefined: the answer is an error. */
export type LineVerdict = (line: string) => OpenSession | 'next' | undefined

/** Asks `mn`, which only a server that knows the meta commands answers by `MN`; one that knows commands at all by `ERROR`. */
export function metaQuestion(
  credentials: Credentials | undefined,
  verdictOf: LineVerdict,
  mayBeUnanswered = false,
): Question {
  return lineQuestion(META_NOOP, credentials, verdictOf, mayBeUnanswered)
}

/** As `metaQuestion`, and asks for the version at once: `verdictOf` gets that line too, where the first one is `MN`. */
export function versionQuestion(
  credentials: Credentials | undefined,
  verdictOf: (line: string, version: string) => ReturnType<LineVerdict>,
  mayBeUnanswered = false,
): Question {
  const judge = (line: string, version: string | undefined) => {
    if (line !== META_ANSWER) return verdictOf(line, '')
    return version === undefined ? 'more' : verdictOf(line, version)
  }
  return lineQuestion(`${META_NOOP}version${LINE_END}`, credentials, judge, mayBeUnanswered)
}

/** Asks for an item, as any server and proxy of the classic commands can be. */
export function classicQuestion(credentials: Credentials | undefined, open: () => OpenSession): Question {
  const isAnswer = (line: string) => line === 'END' || line.startsWith('SERVER_ERROR ')
  return lineQuestion(CLASSIC_PROBE, credentials, (line) => (isAnswer(line) ? open() : undefined), false)
}

/** Asks `version` in the binary protocol. A server of text alone answers `ERROR`. */
export function binaryQuestion(): Question {
  return { bytes: requestLikeALine(Opcode.version), judge: judgeBinary, mayBeUnanswered: true }
}

/** A binary request that ends like a line, so that a server of text alone answers it at once. */
export function requestLikeALine(opcode: number): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES)
  bytes[0] = 0x80
  bytes[1] = opcode
  // The field of the CAS means nothing to commands that touch no item.
  bytes.write(LINE_END, HEADER_BYTES - LINE_END.length, 'latin1')
  return bytes
}

function judgeBinary(answer: string): OpenSession | 'more' | 'next' | Error {
  const bytes = Buffer.from(answer, 'latin1')
  if (bytes[0] !== 0x81) {
    const [line] = answer.split(LINE_END, 1)
    if (!answer.includes(LINE_END) && answer.length < MAX_ANSWER_BYTES) return 'more'
    if (line === 'ERROR') return 'next'
    // A password file goes with text alone.
    const { message } = refusal(answer, false)
    return new Error(/authenticat/.test(answer) ? `${message}; it needs transport: 'meta'` : message)
  }
  const end = bytes.length < HEADER_BYTES ? Infinity : HEADER_BYTES + bytes.readUInt32BE(8)
  if (bytes.length < end) return 'more'
  const isRight = bytes[1] === Opcode.version && bytes.readUInt16BE(6) === Status.ok
  return isRight ? openBinary : refusal(bytes.toString('latin1', HEADER_BYTES, end), false)
}

function lineQuestion(
  line: string,
  credentials: Credentials | undefined,
  verdictOf: (line: string, next: string | undefined) => ReturnType<LineVerdict> | 'more',
  mayBeUnanswered: boolean,
): Question {
  const hasLogin = credentials !== undefined
  return {
    bytes: Buffer.from(loginOf(credentials) + line),
    mayBeUnanswered,
    judge: (answer) => {
      const isOver = answer.length >= MAX_ANSWER_BYTES
      // The last one is not complete.
      const lines = answer.split(LINE_END).slice(0, isOver ? undefined : -1)
      const login = hasLogin ? lines.shift() : 'STORED'
      if (login === undefined) return 'more'
      if (login !== 'STORED') return refusal(login, hasLogin)
      const [line, next] = lines
      if (line === undefined) return isOver ? refusal('', hasLogin) : 'more'
      const verdict = verdictOf(line, next ?? (isOver ? '' : undefined))
      return verdict ?? refusal(line, hasLogin)
    },
  }
}

/** The server takes them as the value of any set that comes first (protocol.txt, "Authentication"). */
function loginOf(credentials: Credentials | undefined): string {
  if (credentials === undefined) return ''
  const login = `${credentials.username} ${credentials.password}`
  return `set auth 0 0 ${Buffer.byteLength(login)}${LINE_END}${login}${LINE_END}`
}

/** Why a server that answered so cannot be used. */
function refusal(answer: string, hasLogin: boolean): Error {
  const quoted = `it answered ${quote(answer)}`
  if (/authenticat/.test(answer)) {
    const reason = hasLogin ? 'refuses the credentials' : 'asks for credentials: see the option credentials'
    return new Error(`The server ${reason}; ${quoted}`)
  }
  if (answer === 'ERROR') return new Error(`The server does not know the meta commands; ${quoted}`)
  return new Error(`The server does not let the client in; ${quoted}`)
}
