import type { CasToken } from '../cache.js'

/** A 64-bit CAS in two halves, since a `bigint` for each reply would cost more than the rest of it. */
export class CasId implements CasToken {
  readonly high: number
  readonly low: number
  /** The connection that told it; only there does the number mean anything. */
  readonly origin: object

  constructor(high: number, low: number, origin: object) {
    this.high = high
    this.low = low
    this.origin = origin
  }

  get id(): bigint {
    return (BigInt(this.high) << 32n) | BigInt(this.low)
  }

  equals(other: CasToken): boolean {
    return (
      other instanceof CasId &&
      other.origin === this.origin &&
      other.high === this.high &&
      other.low === this.low
    )
  }

  /** The number alone, for logs: the origin would print a whole connection. */
  toString(): string {
    return String(this.id)
  }

  toJSON(): string {
    return String(this.id)
  }
}
