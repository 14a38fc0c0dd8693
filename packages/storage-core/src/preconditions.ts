import { checkPart } from './call-arguments.js'
import { type EntityTag, parseEntityTags } from './entity-tags.js'
import type { PartCondition, WriteRequest } from './storage-driver.js'
import { PreconditionFailedError } from './errors.js'
import { etagOf, PART_NAMES, type PartName, type ResourceInfo } from './resource.js'
import type { EntityTags, Match, NoneMatch, PartPreconditions, Preconditions } from './storage.js'

type Conditions = WriteRequest['conditions']

/**
 * What a write's options ask of each part. Throws `TypeError` for what makes no sense, and `E_BAD_REQUEST` for text that
 * is no entity tag.
 */
export function conditionsOf(options: Preconditions, written: readonly PartName[]): Conditions {
  const { ifMatch, ifNoneMatch } = options
  const match = byPart('ifMatch', ifMatch, written)
  const noneMatch = byPart('ifNoneMatch', ifNoneMatch, written)
  const conditions: { [part in PartName]?: PartCondition } = {}
  for (const part of PART_NAMES) {
    const [wanted, unwanted] = [match.get(part), noneMatch.get(part)]
    if (wanted !== undefined && unwanted === '*')
      throw new TypeError('ifMatch and ifNoneMatch exclude each other')
    // A weak tag is no match, but it is the version that is unwanted: RFC 9110, section 13.1.
    const condition = {
      ...(wanted !== undefined && { match: etagsOf(wanted, ({ isWeak }) => !isWeak) }),
      ...(unwanted !== undefined && { noneMatch: etagsOf(unwanted) }),
    }
    if (wanted !== undefined || unwanted !== undefined) conditions[part] = condition
  }
  return conditions
}

/** The options by which a write asks for these conditions. */
export function preconditionsOf(conditions: Conditions): PartPreconditions {
  const ifMatch: { [part in PartName]?: EntityTags } = {}
  const ifNoneMatch: { [part in PartName]?: EntityTags } = {}
  for (const part of PART_NAMES) {
    const { match, noneMatch } = conditions[part] ?? {}
    if (match !== undefined) ifMatch[part] = match
    if (noneMatch !== undefined) ifNoneMatch[part] = noneMatch
  }
  return {
    ...(Object.keys(ifMatch).length === 0 ? {} : { ifMatch }),
    ...(Object.keys(ifNoneMatch).length === 0 ? {} : { ifNoneMatch }),
  }
}

type Tags = ReturnType<typeof parseEntityTags>

function byPart(
  name: 'ifMatch' | 'ifNoneMatch',
  given: Match | NoneMatch | undefined,
  written: readonly PartName[],
): ReadonlyMap<PartName, Tags> {
  if (given === undefined) return new Map()
  if (typeof given === 'string' || Array.isArray(given)) {
    const tags = tagsOf(name, given)
    if (written.length !== 1 && !(name === 'ifNoneMatch' && tags === '*'))
      throw new TypeError(`A write of both parts needs ${name} by part, for example { content: etag }`)
    return new Map(written.map((part) => [part, tags]))
  }
  if (typeof given !== 'object' || given === null)
    throw new TypeError(`${name} takes entity tags, or '*', or these by part`)
  const named = Object.entries(given)
  if (named.length === 0) throw new TypeError(`${name} names no part; leave it out to write in any case`)
  return new Map(named.map(([part, tags]) => [checkPart(part as PartName), tagsOf(name, tags)]))
}

function tagsOf(name: string, given: unknown): Tags {
  const list: readonly unknown[] = Array.isArray(given) ? given : [given]
  const texts = list.map((each) => {
    if (typeof each === 'string' && each.trim() !== '') return each
    throw new TypeError(`${name} takes entity tags such as '"3"', or '*'`)
  })
  if (texts.length === 0) return []
  return parseEntityTags(texts.join(','), name)
}

function etagsOf(tags: Tags, isUsed: (tag: EntityTag) => boolean = () => true): '*' | readonly string[] {
  return tags === '*' ? '*' : tags.filter(isUsed).map(({ etag }) => etag)
}

/** Throws `E_PRECONDITION_FAILED` unless `conditions` hold; `versionOf` gives undefined for a missing part. */
export function assertConditions(
  info: ResourceInfo,
  conditions: Conditions,
  versionOf: (part: PartName) => number | undefined,
): void {
  for (const part of PART_NAMES) {
    const condition = conditions[part]
    if (condition === undefined) continue
    const version = versionOf(part)
    const etag = version === undefined ? undefined : etagOf(version)
    if (holds(condition, etag)) continue
    const found = etag === undefined ? 'it is missing' : `it has ${etag}`
    throw new PreconditionFailedError(`The ${part} was expected ${wantedOf(condition)}, but ${found}`, {
      key: info.key,
    })
  }
}

function holds({ match, noneMatch }: PartCondition, etag: string | undefined): boolean {
  const isMatched = match === undefined || (etag !== undefined && includes(match, etag))
  return isMatched && (etag === undefined || noneMatch === undefined || !includes(noneMatch, etag))
}

function includes(tags: '*' | readonly string[], etag: string): boolean {
  return tags === '*' || tags.includes(etag)
}

function wantedOf({ match, noneMatch }: PartCondition): string {
  const wanted = match === undefined ? undefined : match === '*' ? 'to exist' : `to have ${listOf(match)}`
  const unwanted =
    noneMatch === undefined
      ? undefined
      : noneMatch === '*'
        ? 'to be missing'
        : `not to have ${listOf(noneMatch)}`
  return [wanted, unwanted].filter((each) => each !== undefined).join(' and ')
}

function listOf(tags: readonly string[]): string {
  return tags.length === 0 ? 'an entity tag that no version has' : tags.join(' or ')
}
