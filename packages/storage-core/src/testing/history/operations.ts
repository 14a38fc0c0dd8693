/** When a call began and when its answer came, by one clock for all. */
export interface Span {
  readonly start: number
  /** Undefined: the answer never came, and whether the write happened is not known. */
  readonly end: number | undefined
}

/** A write that happened, or may have. Those that are known not to have happened are left out. */
export interface WriteOperation extends Span {
  readonly kind: 'write'
  readonly key: string
  /** What a read shows after it; undefined for a removal. No two writes of a key should write the same. */
  readonly value: string | undefined
  /** Undefined where the answer never came. */
  readonly version: number | undefined
  /** The same for all writes of one `writeMany`. */
  readonly unit?: number | undefined
}

/** A read of a history. */
export interface ReadOperation extends Span {
  readonly kind: 'read'
  readonly key: string
  readonly end: number
  /** Undefined: nothing was there; then the version is undefined too. */
  readonly value: string | undefined
  readonly version: number | undefined
}

/** One operation of a history about a part. */
export type RegisterOperation = WriteOperation | ReadOperation

/** A write that makes a name a member of a collection, or no longer one. */
export interface MembershipOperation extends Span {
  readonly kind: 'add' | 'remove'
  readonly collection: string
  readonly name: string
  readonly version: number | undefined
}

/** A listing of a history. */
export interface ListingOperation extends Span {
  readonly kind: 'list'
  readonly collection: string
  readonly end: number
  readonly names: ReadonlySet<string>
}

/** One operation of a history about a collection. */
export type CollectionOperation = MembershipOperation | ListingOperation

/**
 * `stale`: shows what was overwritten before the read began. `back`: shows something older than an earlier read
 * showed. `unwritten`: shows what nobody had written yet. `torn`: shows other bytes than were written under that
 * version. `order`: a write has a version that is not above those seen before it began. `split`: of what was written
 * together it shows less than an earlier read of another resource.
 */
export type ViolationKind = 'stale' | 'back' | 'unwritten' | 'torn' | 'order' | 'split'

/** What a history has that it must not have. */
export interface Violation {
  readonly kind: ViolationKind
  /** The key of the register, or the collection and name. */
  readonly key: string
  /** What a person needs in order to follow it. */
  readonly message: string
}
