import type { PartName, Version } from '@larder/storage-core'

/** How the cached state of a part differs from the stored one. */
export type DisagreementKind =
  /** The cached version is older: a write went past the library, or could not tell the cache. */
  | 'older'
  /** The cached version is newer: the database was put back to an earlier state. */
  | 'newer'
  /** The version is the same and the bytes are not. */
  | 'other bytes'
  /** It is cached and not stored. */
  | 'not stored'
  /** It is cached as missing, and stored. */
  | 'cached as missing'

/** A part of which the cache tells something else than the database. */
export interface Disagreement {
  readonly kind: DisagreementKind
  readonly collection: string
  readonly resource: string
  readonly part: PartName
  /** Undefined: cached as missing. */
  readonly cachedVersion: Version | undefined
  /** Undefined: not stored. */
  readonly storedVersion: Version | undefined
}

/** What has been looked at so far; the numbers of `AuditReport`. */
export interface AuditProgress {
  readonly checked: number
  readonly cached: number
  readonly agreeing: number
  readonly disagreeing: number
  /** Parts that differed at the first look and wait for the second. */
  readonly suspected: number
}

/** What `audit` has found of a listing. */
export interface ListingAuditReport {
  readonly collection: string
  /**
   * `'missing'`: not all of it is in the cache, so that the next reader asks the database; `'in flight'`: it is being
   * built; `'unreachable'`: a server did not answer.
   */
  readonly outcome: 'agrees' | 'disagrees' | 'missing' | 'in flight' | 'unreachable'
  /** Names that are stored, and that the cached listing lacks; 1,000 at most. */
  readonly unlisted: readonly string[]
  /** Names that the cached listing has, and that are not stored; 1,000 at most. */
  readonly surplus: readonly string[]
}

/** What `audit` has found. */
export interface AuditReport {
  /** Parts looked at: two of each resource in the sample. */
  readonly checked: number
  /** Of these, those that readers would have been answered from the cache, values and absences; all were compared. */
  readonly cached: number
  readonly agreeing: number
  readonly disagreeing: readonly Disagreement[]
  /** Parts that the cache does not hold. */
  readonly missing: number
  /** Parts that somebody was writing or filling, or that changed while they were looked at. */
  readonly inFlight: number
  /** Parts whose server did not answer. */
  readonly unreachable: number
  /** Of each collection whose names were all looked at: none where `limit` was reached before. */
  readonly listings: readonly ListingAuditReport[]
  readonly seconds: number
  /** The share of `cached` that disagrees: 0 is right, 1 is all wrong. */
  readonly rate: number
}
