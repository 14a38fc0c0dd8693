import type { Encoded } from '@larder/storage-core'

/** Records as the driver returned them, as JSON that TypeORM can parse itself. */
export const PLAIN_RECORDS = 0
/** JSON of records and of the types that JSON has lost. */
export const TYPED_RECORDS = 1

/** From the text of an interval to the object of the driver; from an empty text to an interval without fields. */
export type ParseInterval = (text: string) => unknown

type Kind = 'date' | 'bytes' | 'number' | 'bigint' | 'undefined' | 'interval'
type Path = readonly (string | number)[]
interface TypedRecords {
  readonly records: unknown
  readonly types: readonly (readonly [Path, Kind])[]
}

/** The bytes, or undefined if a value could not be restored: an instance of a class that is not known here. */
export function encodeRecords(
  records: unknown,
  parseInterval: ParseInterval | undefined,
): Encoded | undefined {
  const types: (readonly [Path, Kind])[] = []
  try {
    const written = write(records, [], types, parseInterval !== undefined)
    const typed: TypedRecords = { records: written, types }
    const json = JSON.stringify(types.length === 0 ? written : typed)
    return { bytes: Buffer.from(json), flags: types.length === 0 ? PLAIN_RECORDS : TYPED_RECORDS }
  } catch (error) {
    if (error instanceof UnknownType) return undefined
    throw error
  }
}

/** The records of `TYPED_RECORDS`. Throws for bytes that are none. */
export function decodeRecords(bytes: Uint8Array, parseInterval: ParseInterval | undefined): unknown[] {
  const { records, types } = JSON.parse(Buffer.from(bytes).toString()) as TypedRecords
  for (const [path, kind] of types) restore(records, path, kind, parseInterval)
  return records as unknown[]
}

class UnknownType extends Error {}

function write(value: unknown, path: Path, types: (readonly [Path, Kind])[], canInterval: boolean): unknown {
  const typed = (kind: Kind, written: unknown): unknown => {
    types.push([path, kind])
    return written
  }
  if (value === undefined) return typed('undefined', null)
  if (typeof value === 'bigint') return typed('bigint', String(value))
  if (typeof value === 'number')
    return Number.isFinite(value) && !Object.is(value, -0) ? value : typed('number', numberText(value))
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return value
  if (typeof value !== 'object') throw new UnknownType()
  if (value instanceof Date) return typed('date', value.getTime())
  if (Buffer.isBuffer(value)) return typed('bytes', value.toString('base64'))
  if (Array.isArray(value)) return value.map((item, i) => write(item, [...path, i], types, canInterval))
  if (canInterval && isInterval(value)) return typed('interval', { ...value })
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) throw new UnknownType()
  const members = Object.entries(value).map(
    ([name, member]) => [name, write(member, [...path, name], types, canInterval)] as const,
  )
  return Object.fromEntries(members)
}

function restore(records: unknown, path: Path, kind: Kind, parseInterval: ParseInterval | undefined): void {
  let holder = records as Record<string | number, unknown>
  for (const name of path.slice(0, -1)) holder = holder[name] as Record<string | number, unknown>
  const last = path.at(-1) ?? 0
  holder[last] = read(holder[last], kind, parseInterval)
}

function read(written: unknown, kind: Kind, parseInterval: ParseInterval | undefined): unknown {
  switch (kind) {
    case 'date':
      return new Date(written === null ? NaN : Number(written))
    case 'bytes':
      return Buffer.from(String(written), 'base64')
    case 'number':
      return Number(written)
    case 'bigint':
      return BigInt(String(written))
    case 'undefined':
      return undefined
    case 'interval':
      if (parseInterval === undefined) throw new TypeError('The driver cannot parse intervals')
      return Object.assign(parseInterval('') as object, written)
  }
}

/** `String(-0)` is `0`. */
function numberText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value)
}

/** An interval of node-postgres. */
function isInterval(value: object): boolean {
  return 'toPostgres' in value && typeof value.toPostgres === 'function'
}
