import { StorageError } from '@larder/storage-core'
import type { Statement, Value } from './statement.js'

// The command's own byte, and what newer servers put before the text.
const COMMAND_BYTES = 16
const SEPARATOR_BYTES = 2

/**
 * Statements in groups that fit the server's `max_allowed_packet`, in order. Throws `E_TOO_LARGE` where one of them
 * fits no packet: the server would close the connection instead of answering.
 */
export function packetGroups(statements: readonly Statement[], packetBytes: number): Statement[][] {
  const groups: Statement[][] = []
  let left = 0
  for (const each of statements) {
    const bytes = textBytes(each) + SEPARATOR_BYTES
    if (bytes > packetBytes - COMMAND_BYTES) throw tooLarge(bytes, packetBytes)
    const last = groups.at(-1)
    if (last !== undefined && bytes <= left) {
      last.push(each)
      left -= bytes
    } else {
      groups.push([each])
      left = packetBytes - COMMAND_BYTES - bytes
    }
  }
  return groups
}

/** The bytes of the text that the driver sends, with values as literals. */
function textBytes({ sql, values }: Statement): number {
  return values.reduce<number>((sum, value) => sum + literalBytes(value), Buffer.byteLength(sql))
}

function literalBytes(value: Value): number {
  if (typeof value === 'string') return hexBytes(Buffer.byteLength(value))
  if (value instanceof Uint8Array) return hexBytes(value.length)
  return String(value).length
}

/** Of `X'..'`. */
function hexBytes(bytes: number): number {
  return 2 * bytes + 3
}

function tooLarge(bytes: number, packetBytes: number): StorageError {
  return new StorageError(
    'E_TOO_LARGE',
    `The statement has ${bytes} bytes, the server's max_allowed_packet is ${packetBytes}: raise it`,
  )
}
