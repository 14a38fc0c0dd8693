/**
 * What comes back of a `T` that was written as JSON and read again. A `Date` is a string, and whatever has a `toJSON`
 * is what that returns. Methods, symbols and undefined are gone from objects; undefined in an array is null, and
 * -0 is 0.
 * A bigint, a `Map`, a `Set`, a promise and bytes cannot be written: `never`. `any` and `unknown` stay.
 */
export type Jsonify<T> = IsAny<T> extends true ? T : unknown extends T ? T : JsonForm<T>

type JsonForm<T> = T extends string | number | boolean | null
  ? T
  : T extends ArrayBufferView
    ? never
    : T extends { toJSON(...args: never): infer Written }
      ? Jsonify<Written>
      : T extends Unwritable
        ? never
        : T extends readonly unknown[]
          ? JsonList<T>
          : T extends object
            ? JsonObject<T>
            : never

type Unwritable =
  | bigint
  | symbol
  | undefined
  | Callable
  | ArrayBuffer
  | PromiseLike<unknown>
  | ReadonlyMap<unknown, unknown>
  | ReadonlySet<unknown>
type Callable = (...args: never) => unknown

/** Tuples stay tuples. */
type JsonList<T extends readonly unknown[]> = { [I in keyof T]: JsonElement<T[I]> }
type JsonElement<T> = undefined extends T ? Jsonify<Exclude<T, undefined>> | null : Jsonify<T>

type JsonObject<T extends object> = Flatten<
  { [K in keyof T as KeyKind<T, K> extends 'always' ? K : never]: Jsonify<T[K]> } & {
    [K in keyof T as KeyKind<T, K> extends 'maybe' ? K : never]?: Jsonify<Exclude<T[K], LeftOut>>
  }
>
type LeftOut = undefined | symbol | Callable

/** Whether an object still has this member. */
type KeyKind<T, K extends keyof T> = K extends symbol
  ? 'never'
  : IsAny<T[K]> extends true
    ? 'maybe'
    : unknown extends T[K]
      ? 'maybe'
      : [T[K]] extends [never]
        ? 'always'
        : [T[K]] extends [LeftOut]
          ? 'never'
          : [Extract<T[K], LeftOut>] extends [never]
            ? 'always'
            : 'maybe'

type Flatten<T> = { [K in keyof T]: T[K] }
type IsAny<T> = 0 extends 1 & T ? true : false
