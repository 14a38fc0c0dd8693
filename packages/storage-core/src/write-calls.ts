import { abortable, checkSource, collect } from './bytes.js'
import type { DriverCall, PartChange, StorageDriver } from './driver.js'
import { checkOptionNames, type NamesOf } from './option-names.js'
import type { PartName, ResourceInfo } from './resource.js'
import type { ByteSource, Parts, WriteOptions } from './storage.js'

export const REMOVE = Symbol('remove')

export type WriteArguments = [
  operation: string,
  info: ResourceInfo,
  sources: { readonly [part in PartName]?: ByteSource | typeof REMOVE | undefined },
  options?: WriteOptions,
]

const PARTS: NamesOf<Parts> = Object.freeze({ content: true, metadata: true })
const WRITE_NAMES: NamesOf<WriteOptions> = Object.freeze({
  ifMatch: true,
  ifNoneMatch: true,
  transaction: true,
  signal: true,
})

/** Throws `TypeError` for a part or an option that there is not: a condition must not get lost with its name. */
export function checkWriteNames(operation: string, parts: object, options: object): void {
  checkOptionNames(operation, parts, PARTS)
  checkOptionNames(operation, options, WRITE_NAMES)
}

/** Throws `TypeError` for what is no source of bytes. */
export function changeOf(source: ByteSource | typeof REMOVE | undefined): PartChange {
  if (source === REMOVE) return 'remove'
  return checkSource(source as ByteSource)
}

/** A driver without streams gets the bytes. */
export async function settledChange(
  driver: StorageDriver,
  change: PartChange,
  call: DriverCall,
): Promise<PartChange> {
  if (change === 'remove' || 'bytes' in change) return change
  if (driver.supports.streams) return { stream: abortable(change.stream, call.signal) }
  return { bytes: await collect(change.stream, call.signal) }
}
