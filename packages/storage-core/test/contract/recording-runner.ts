import { storageContract, type OpenedStorage } from '@larder/storage-core/testing'

export interface Failure {
  readonly group: string
  readonly test: string
  readonly error: unknown
}

export interface Recording {
  readonly groups: readonly string[]
  readonly tests: number
  readonly failures: readonly Failure[]
}

/** Runs the contract, or some groups of it, as a test runner would, and tells what failed. */
export async function recordContract(
  open: () => Promise<OpenedStorage>,
  only?: readonly string[],
): Promise<Recording> {
  const tests: { group: string; name: string; body: () => Promise<void> }[] = []
  const groups: string[] = []
  storageContract({
    open,
    describe(name, body) {
      groups.push(name)
      body()
    },
    test(name, body) {
      tests.push({ group: groups.at(-1) ?? '', name, body })
    },
  })
  const chosen = tests.filter((one) => only === undefined || only.includes(one.group))
  const failures: Failure[] = []
  for (const { group, name, body } of chosen) {
    try {
      await body()
    } catch (error) {
      failures.push({ group, test: name, error })
    }
  }
  return { groups, tests: chosen.length, failures }
}
