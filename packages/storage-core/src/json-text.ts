import { types } from 'node:util'

/**
 * The JSON text of `value`. A `TypeError` names the path of the first thing that JSON cannot carry and that would come
 * back as something else: a `Map`, a `Set`, an `Error`, bytes, a function, a symbol, a promise that was not awaited, a
 * bigint, NaN, an invalid Date, an object of a class whose members are all private, a cycle. Four conversions of JSON
 * remain: `toJSON` is called (a `Date` becomes a string), members that are undefined or whose names are symbols are left
 * out, undefined in an array becomes null, and -0 becomes 0. `subject`: what the value is called in messages.
 */
export function toJsonText(value: unknown, subject = 'value'): string {
  const problem = findProblem(value, '', [])
  if (problem !== undefined) throw new TypeError(messageOf(problem, subject))
  return JSON.stringify(value)
}

interface Problem {
  /** As JavaScript would write the access: `.rows[3].seen`; empty for the value itself. */
  readonly path: string
  readonly what: string
}

function messageOf({ path, what }: Problem, subject: string): string {
  const whole = path === '' ? `The ${subject}` : `The member ${path} of the ${subject}`
  return `${whole} is ${what}, which JSON cannot carry`
}

function findProblem(value: unknown, key: string, ancestors: object[]): Problem | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return undefined
    case 'number':
      return Number.isFinite(value) ? undefined : { path: '', what: String(value) }
    case 'object':
      return value === null ? undefined : inObject(value, key, ancestors)
    default:
      return { path: '', what: value === undefined ? 'undefined' : `of type ${typeof value}` }
  }
}

function inObject(value: object, key: string, ancestors: object[]): Problem | undefined {
  if (ancestors.includes(value)) return { path: '', what: 'a reference to an object that contains it' }
  const { toJSON } = value as { readonly toJSON?: unknown }
  const own = ArrayBuffer.isView(value) ? undefined : toJSON
  ancestors.push(value)
  const problem =
    typeof own === 'function'
      ? (invalidDate(value) ?? findProblem(own.call(value, key), key, ancestors))
      : (problemOfKind(value) ?? inMembers(value, ancestors))
  ancestors.pop()
  return problem
}

function invalidDate(value: object): Problem | undefined {
  return types.isDate(value) && Number.isNaN(value.getTime())
    ? { path: '', what: 'an invalid Date' }
    : undefined
}

/** Kinds of objects that JSON writes as `{}` or as something else than they are. */
function problemOfKind(value: object): Problem | undefined {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null || Array.isArray(value)) return undefined
  // A subclass may call itself what it likes.
  if (types.isMap(value)) return { path: '', what: 'of type Map' }
  if (types.isSet(value)) return { path: '', what: 'of type Set' }
  const tag = Object.prototype.toString.call(value)
  if (tag !== '[object Object]') return { path: '', what: `of type ${tag.slice('[object '.length, -1)}` }
  if (Object.keys(value).length > 0) return undefined
  return { path: '', what: 'an object of a class without a member that JSON could carry' }
}

function inMembers(value: object, ancestors: object[]): Problem | undefined {
  const members: Iterable<readonly [string | number, unknown]> = Array.isArray(value)
    ? (value as unknown[]).entries()
    : Object.entries(value)
  for (const [name, member] of members) {
    if (member === undefined) continue
    const problem = findProblem(member, String(name), ancestors)
    if (problem !== undefined) return { ...problem, path: access(name) + problem.path }
  }
  return undefined
}

function access(name: string | number): string {
  if (typeof name === 'number') return `[${name}]`
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`
}
