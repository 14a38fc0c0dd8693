import {
  booleanOption,
  checkOptions,
  choiceOption,
  numberOption,
  type OptionsOf,
  optionTable,
  type OptionTable,
  required,
  signalOption,
  textOption,
  typedOption,
} from './options/index.js'
import { PART_NAMES, type PartName } from './resource.js'
import type { TransactionHook } from './transaction.js'

const MAX_INTEGER = 2_147_483_647
const MAX_PAGE = 10_000
const MAX_UNSETTLED = 1_000

/**
 * An entity tag, a list of which any will do, or `'*'` for any version. A string may also be a whole header, as
 * `'"9", "3"'`; malformed text rejects with `E_BAD_REQUEST`. An empty list holds for no version.
 */
export type EntityTags = string | readonly string[]

/** Entity tags for each part that is named. */
export type TagsByPart = Partial<Readonly<Record<PartName, EntityTags>>>

/** What `ifMatch` takes: entity tags for all parts, or for each by its name. */
export type Match = EntityTags | TagsByPart
/** What `ifNoneMatch` takes: entity tags for all parts, or for each by its name. */
export type NoneMatch = EntityTags | TagsByPart

/** What every call takes. */
export const CALL_OPTIONS = optionTable({
  /** Ends the wait with `E_ABORTED`. A write that rejects with it has not happened. */
  signal: signalOption(),
})
/** What every call can be told. */
export type CallOptions = OptionsOf<typeof CALL_OPTIONS>

/** What `getMany` takes. */
export const READ_MANY_OPTIONS = optionTable({
  ...CALL_OPTIONS,
  /** Which part is read. Default: `'content'`. */
  part: choiceOption(PART_NAMES, 'content'),
})
/** What `getMany` can be told. */
export type ReadManyOptions = OptionsOf<typeof READ_MANY_OPTIONS>

/** What `exists` takes. */
export const EXISTS_OPTIONS = optionTable({
  ...CALL_OPTIONS,
  /** Asks for this part. Default: either. */
  part: choiceOption(PART_NAMES),
})
/** What `exists` can be told. */
export type ExistsOptions = OptionsOf<typeof EXISTS_OPTIONS>

/** What must hold for a write. Text is parsed where the parts are known that it is about. */
export const PRECONDITION_OPTIONS = optionTable({
  /** Writes only if the part has one of these entity tags. Weak ones match nothing. May name the other part as well. */
  ifMatch: typedOption("entity tags, or '*', or these by part", isMatch),
  /** Writes only if the part has none of these entity tags; `'*'`: only if it does not exist. */
  ifNoneMatch: typedOption("entity tags, or '*', or these by part", isMatch),
})
/** What must hold for a write of one part to be made; it is checked in the transaction that writes. */
export type Preconditions = OptionsOf<typeof PRECONDITION_OPTIONS>

const HOOK = {
  /** Takes part in the transaction of the write. Needs `supports.transactions`. */
  transaction: typedOption('a transaction hook with beforeCommit()', isHook),
}

/** What a write takes. */
export const WRITE_OPTIONS = optionTable({ ...CALL_OPTIONS, ...PRECONDITION_OPTIONS, ...HOOK })
/** What every write can be told. */
export type WriteOptions = OptionsOf<typeof WRITE_OPTIONS>

/** The parts that a write names. */
export const PART_OPTIONS = optionTable({
  /** The content. */
  content: typedOption('a source of bytes', isAnything),
  /** The metadata. */
  metadata: typedOption('a source of bytes', isAnything),
})

/** One of the writes of `writeMany`. */
export const RESOURCE_WRITE_OPTIONS = optionTable({
  /** The resource. */
  info: typedOption('an info', isAnything),
  ...PART_OPTIONS,
  ...PRECONDITION_OPTIONS,
  ...HOOK,
})

/** What `ls` and `ils` take. */
export const LIST_OPTIONS = optionTable({
  ...CALL_OPTIONS,
  /** Only names that end in it: `'atom'` and `'.atom'` mean the same. Default: all. */
  ext: textOption(),
})
/** What `ls` and `ils` can be told. */
export type ListOptions = OptionsOf<typeof LIST_OPTIONS>

/** By name in code point order, or by the last write of any part. */
export type ListOrder = 'name' | 'oldest' | 'newest'

/** What `page` takes. */
export const PAGE_OPTIONS = optionTable({
  ...LIST_OPTIONS,
  /** By name, or by the time of the last write. Default: `'name'`. */
  order: choiceOption<ListOrder>(['name', 'oldest', 'newest'], 'name'),
  /** How many entries at most. Default: 100. */
  limit: numberOption({ min: 1, max: MAX_PAGE, isInteger: true }, 100),
  /** The `next` of the page before. It is bound to collection, order and `ext`. Default: none, the first page. */
  after: textOption(),
})
/** What `page` can be told. */
export type PageOptions = OptionsOf<typeof PAGE_OPTIONS>

/** Which rows of the journal `claim` hands out. */
export const CLAIM_OPTIONS = optionTable({
  ...CALL_OPTIONS,
  /** Only rows that have waited at least this long, in milliseconds by the storage's clock. */
  olderThanMs: required(numberOption({ min: 0, isUnlimited: true })),
  /** Only rows that name a key which begins so. Default: all. */
  keyPrefix: textOption(''),
  /** How many rows at most. Default: 100. */
  limit: numberOption({ min: 1, max: MAX_UNSETTLED, isInteger: true }, 100),
  /**
   * Instead of rows of writes, those of changes past the library, where the storage learns of any. They are due at
   * once, whatever `olderThanMs` says, and concern every `keyPrefix`. Default: false.
   */
  external: booleanOption(false),
})
/** Which rows of the journal `claim` hands out. */
export type ClaimOptions = OptionsOf<typeof CLAIM_OPTIONS>

/** What `Storage.transaction` takes. */
export const TRANSACTION_OPTIONS = optionTable({
  /** Rolls back, and rejects with `E_ABORTED`. */
  signal: signalOption(),
  /**
   * How often `work` is run at most, if the transaction collides with others or meets a server that is no primary any
   * more. Default: the storage's `attempts`, or 8.
   */
  attempts: numberOption({ min: 1, max: MAX_INTEGER, isInteger: true }),
  /** The longest time from begin to commit, in milliseconds. Default and largest: the storage's own limit. */
  timeoutMs: numberOption({ min: 1, max: MAX_INTEGER, isInteger: true }),
})
/** What `Storage.transaction` can be told. */
export type TransactionOptions = OptionsOf<typeof TRANSACTION_OPTIONS>

/** Throws a `TypeError` or `RangeError` for options that the call does not take. Undefined stands for none. */
export function checkCallOptions(call: string, table: OptionTable, options: unknown): void {
  if (options !== undefined) checkOptions(call, table, options)
}

function isMatch(value: unknown): value is Match {
  return typeof value === 'string' || (typeof value === 'object' && value !== null)
}

function isHook(value: unknown): value is TransactionHook {
  return typeof (value as Partial<TransactionHook> | null)?.beforeCommit === 'function'
}

/** What it must be is checked where it is used. */
function isAnything(value: unknown): value is unknown {
  return value !== undefined
}
