/** What is to be undone, in the reverse order. */
export class Cleanup implements AsyncDisposable {
  readonly #steps: (() => Promise<unknown>)[] = []

  defer(step: () => Promise<unknown>): void {
    this.#steps.push(step)
  }

  use<T extends AsyncDisposable>(thing: T): T {
    this.defer(() => Promise.resolve(thing[Symbol.asyncDispose]()))
    return thing
  }

  /** Undoes everything, whatever fails; rejects with the first failure. */
  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = []
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      await step().catch((error: unknown) => failures.push(error))
    }
    if (failures.length > 0) throw failures[0]
  }
}
