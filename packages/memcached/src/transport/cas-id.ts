import type { CasToken } from '../cache.js'

/** Where tokens come from. */
export interface TokenOrigin {
  /** The cache; undefined: not known. */
  readonly home?: object
}

/** A `TypeError` for a token that can match nothing in the cache that it was given to. */
export function foreignToken(): TypeError {
  return new TypeError('`token` must be a token of this cache, got one of another cache')
}

/** A 64-bit CAS in two halves, since a `bigint` for each reply would cost more than the rest of it. */
export class CasId implements CasToken {
  readonly high: number
  readonly low: number
  /** The connection that told it; only there does the number mean anything. */
  readonly origin: TokenOrigin

  constructor(high: number, low: number, origin: TokenOrigin) {
    this.high = high
    this.low = low
    this.origin = origin
  }

  /** Whether it is known to be of another cache than `home`. */
  isForeignTo(home: object): boolean {
    return this.origin.home !== undefined && this.origin.home !== home
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
