import type { WriteRequest } from '@larder/storage-core/driver'

/** Collections that must be there. */
export function writtenCollections(requests: readonly WriteRequest[]): Set<string> {
  return new Set(requests.filter((request) => !removesOnly(request)).map(({ info }) => info.collection))
}

function removesOnly({ changes }: WriteRequest): boolean {
  return Object.values(changes).every((change) => change === 'remove')
}
