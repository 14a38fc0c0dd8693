import { abortable, checkSource, collect } from './bytes.js'
import type { DriverCall, PartChange, StorageDriver } from './driver.js'
import type { PartName, ResourceInfo } from './resource.js'
import type { ByteSource, WriteOptions } from './storage.js'

export const REMOVE = Symbol('remove')

export type WriteArguments = [
  operation: string,
  info: ResourceInfo,
  sources: Partial<Record<PartName, ByteSource | typeof REMOVE>>,
  options?: WriteOptions,
]

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
