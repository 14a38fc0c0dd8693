/** What a callback got. */
export interface Answer {
  readonly error: string | undefined
  readonly data: unknown
  /** `this` in the callback. */
  readonly self: unknown
}

/** Calls a method that takes a callback as its last argument, and waits for it. */
export function call(client: object, method: string, ...args: readonly unknown[]): Promise<Answer> {
  const run = (client as Readonly<Record<string, (...args: unknown[]) => void>>)[method]!
  return new Promise((resolve) => {
    run.call(client, ...args, function (this: unknown, error: unknown, data: unknown) {
      // The original empties the list that it gave once the callback is done.
      const copy: unknown = Array.isArray(data) ? [...(data as unknown[])] : data
      resolve({ error: messageOf(error), data: copy, self: this })
    })
  })
}

/** The answer's data, where there is no error. */
export async function dataOf(client: object, method: string, ...args: readonly unknown[]): Promise<unknown> {
  const { error, data } = await call(client, method, ...args)
  if (error !== undefined) throw new Error(`${method}: ${error}`)
  return data
}

function messageOf(error: unknown): string | undefined {
  if (error === undefined || error === null || error === false) return undefined
  if (Array.isArray(error)) return error.map(messageOf).join()
  return error instanceof Error ? error.message : JSON.stringify(error)
}
