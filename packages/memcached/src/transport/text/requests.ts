import { casText, encodeText, type OutBuffer } from '../../protocol/index.js'
import type { Cas, Count, Delete, KeyCommand, WireItem } from '../commands.js'
import { GETS } from './get-line.js'

/** A second of January 1970: what expires then is gone at once. Not every proxy takes a negative number. */
const LONG_PAST = 2_592_001
const NO_VALUE = new Uint8Array(0)

/** The commands that are written as one line and are answered by one. */
export type LineCommand = Exclude<KeyCommand, { readonly kind: 'get' | 'state' | 'peek' }>

/** Writes the line, with its value where it has one. */
export function writeLine(out: OutBuffer, command: LineCommand): void {
  switch (command.kind) {
    case 'set':
    case 'put':
      return encodeText(out, 'set', command.key, itemRest(command), command.value)
    case 'add':
    case 'replace':
    case 'append':
    case 'prepend':
      return encodeText(out, command.kind, command.key, itemRest(command), command.value)
    case 'cas':
      return encodeText(out, 'cas', command.key, itemRest(command) + casRest(command.token), command.value)
    case 'delete':
      return writeDelete(out, command)
    case 'touch':
      return encodeText(out, 'touch', command.key, ` ${command.exptime}`)
    case 'count':
      return writeStep(out, command)
  }
}

export function writeGets(out: OutBuffer, { key }: Pick<KeyCommand, 'key'>): void {
  encodeText(out, GETS, key, '')
}

/** What creates a counter: there is no other way to name its first value. */
export function writeFirst(out: OutBuffer, { key, initial = 0n, exptime }: Count): void {
  const value = Buffer.from(String(initial))
  encodeText(out, 'add', key, ` 0 ${exptime} ${value.byteLength}`, value)
}

function writeStep(out: OutBuffer, { key, delta }: Count): void {
  if (delta < 0n) encodeText(out, 'decr', key, ` ${-delta}`)
  else encodeText(out, 'incr', key, ` ${delta}`)
}

/** `delete` has no condition; a `cas` that expires at once does the same. */
function writeDelete(out: OutBuffer, { key, token }: Delete): void {
  if (token === undefined) encodeText(out, 'delete', key, '')
  else encodeText(out, 'cas', key, ` 0 ${LONG_PAST} 0${casRest(token)}`, NO_VALUE)
}

function itemRest({ flags, exptime, value }: WireItem): string {
  return ` ${flags} ${exptime} ${value.byteLength}`
}

function casRest({ high, low }: Cas['token']): string {
  return ` ${casText(high, low)}`
}
