// The limit of Node on the machine: requests prepared beforehand, one write for all that may be sent, replies read
// into one buffer and counted by their length. Nothing is parsed, checked or copied.
import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import { connect } from 'node:net'
import { BATCH, KEYS, WIDTH } from './workload.mjs'

const READ_BYTES = 64 * 1024
const LINE_END = Buffer.from('\r\n')
const GETS = Buffer.from('gets')
const END_BYTES = 'END\r\n'.length

/** `way`: reads that leave together in one line of `gets`, or each in a line of its own. */
export async function rawSocket(address, way) {
  const [host, port] = address.split(':')
  let onReply = () => {}
  const callback = (bytes, buffer) => {
    onReply(buffer.subarray(0, bytes))
    return true
  }
  const onread = { buffer: Buffer.allocUnsafeSlow(READ_BYTES), callback }
  const socket = connect({ host, port: Number(port), noDelay: true, onread })
  await once(socket, 'connect')

  /** Sends `count` requests from number `from` on, and answers with how many bytes of reply end them. */
  const exchange = (operations, width, send) =>
    new Promise((resolve) => {
      const due = []
      let next = 0
      let held = 0
      let replyBytes = 0
      const go = (count) => {
        const sent = Math.min(count, operations - next)
        if (sent === 0) return
        due.push(...send(next, sent))
        next += sent
      }
      onReply = (chunk) => {
        // All replies of a test have the same length, which the first one tells.
        if (replyBytes === 0) replyBytes = lengthOf(chunk)
        held += chunk.length
        let done = 0
        while (due.length > 0) {
          const { replies, more } = due[0]
          const length = replies * replyBytes + more
          if (held < length) break
          held -= length
          done += replies
          due.shift()
        }
        if (due.length === 0 && next === operations) resolve()
        else if (width === WIDTH ? done > 0 : due.length === 0) go(width === WIDTH ? done : width)
      }
      go(width)
    })

  return {
    prepare: (test, keys, value, operations) => {
      const isGet = test.startsWith('get')
      const width = test.endsWith('Multi') ? BATCH : WIDTH
      const lines = keys.map((key) => (isGet ? Buffer.from(`mg ${key} v f c O1\r\n`) : storeOf(key, value)))
      const names = keys.map((key) => Buffer.from(` ${key}`))
      const singly = (from, count) => {
        socket.write(Buffer.concat(Array.from({ length: count }, (_, i) => lines[(from + i) % KEYS])))
        return Array.from({ length: count }, () => ({ replies: 1, more: 0 }))
      }
      const together = (from, count) => {
        const parts = Array.from({ length: count }, (_, i) => names[(from + i) % KEYS])
        socket.write(Buffer.concat([GETS, ...parts, LINE_END]))
        return [{ replies: count, more: END_BYTES }]
      }
      if (!isGet && way === 'shared lines') return undefined
      const send = isGet && way === 'shared lines' ? together : singly
      return () => exchange(operations, width, send)
    },
  }
}

/** Of the first reply, its value included. */
function lengthOf(chunk) {
  const line = chunk.toString('latin1', 0, chunk.indexOf('\r\n') + 2)
  const size = /^VA (\d+)|^VALUE \S+ \d+ (\d+)/.exec(line)
  return line.length + (size === null ? 0 : Number(size[1] ?? size[2]) + 2)
}

function storeOf(key, value) {
  return Buffer.concat([Buffer.from(`ms ${key} ${value.length} c O1\r\n`), value, LINE_END])
}
