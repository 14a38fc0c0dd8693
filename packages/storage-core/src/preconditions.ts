import { checkPart } from './call-arguments.js'
import type { PartCondition, WriteRequest } from './driver.js'
import { PreconditionFailedError } from './errors.js'
import { etagOf, PART_NAMES, type PartName, type ResourceInfo } from './resource.js'
import type { Match, NoneMatch, Preconditions } from './storage.js'

type Conditions = WriteRequest['conditions']

/** What a write's options ask of each part. Throws `TypeError` for what makes no sense. */
export function conditionsOf(options: Preconditions, written: readonly PartName[]): Conditions {
  const { ifMatch, ifNoneMatch } = options
  const conditions: { [part in PartName]?: PartCondition } = {}
  if (ifNoneMatch !== undefined) for (const part of nonesOf(ifNoneMatch, written)) conditions[part] = 'none'
  if (ifMatch !== undefined) {
    for (const [part, etag] of matchesOf(ifMatch, written)) {
      if (conditions[part] !== undefined) throw new TypeError('ifMatch and ifNoneMatch exclude each other')
      conditions[part] = etag === '*' ? '*' : { etag }
    }
  }
  return conditions
}

/** The options by which a write asks for these conditions. */
export function preconditionsOf(conditions: Conditions): Preconditions {
  const ifMatch: { [part in PartName]?: string } = {}
  const ifNoneMatch: { [part in PartName]?: '*' } = {}
  for (const part of PART_NAMES) {
    const condition = conditions[part]
    if (condition === 'none') ifNoneMatch[part] = '*'
    else if (condition !== undefined) ifMatch[part] = condition === '*' ? '*' : condition.etag
  }
  return {
    ...(Object.keys(ifMatch).length === 0 ? {} : { ifMatch }),
    ...(Object.keys(ifNoneMatch).length === 0 ? {} : { ifNoneMatch }),
  }
}

function nonesOf(match: NoneMatch, written: readonly PartName[]): readonly PartName[] {
  if (match === '*') return written
  if (typeof match !== 'object' || match === null)
    throw new TypeError("ifNoneMatch takes '*', or that by part")
  const named = Object.entries(match)
  if (named.length === 0) throw new TypeError('ifNoneMatch names no part; leave it out to write in any case')
  return named.map(([part, star]) => {
    if (star !== '*') throw new TypeError("ifNoneMatch takes '*' for a part, and nothing else")
    return checkPart(part as PartName)
  })
}

function matchesOf(match: Match, written: readonly PartName[]): [PartName, string][] {
  if (typeof match === 'string') {
    const [part, other] = written
    if (part === undefined || other !== undefined) {
      throw new TypeError('A write of both parts needs ifMatch by part, for example { content: etag }')
    }
    return [[part, checkEtag(match)]]
  }
  if (typeof match !== 'object' || match === null) throw new TypeError('ifMatch must be an entity tag')
  const named = Object.entries(match)
  if (named.length === 0) throw new TypeError('ifMatch names no part; leave it out to write in any case')
  return named.map(([part, etag]) => [checkPart(part as PartName), checkEtag(etag)])
}

function checkEtag(etag: unknown): string {
  if (typeof etag !== 'string' || etag === '') throw new TypeError("ifMatch must be an entity tag or '*'")
  return etag
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
    const holds =
      condition === 'none'
        ? etag === undefined
        : condition === '*'
          ? etag !== undefined
          : etag === condition.etag
    if (holds) continue
    const wanted =
      condition === 'none' ? 'to be missing' : condition === '*' ? 'to exist' : `to have ${condition.etag}`
    const found = etag === undefined ? 'it is missing' : `it has ${etag}`
    throw new PreconditionFailedError(`The ${part} was expected ${wanted}, but ${found}`, { key: info.key })
  }
}
