import { MemoryStorage } from '@larder/storage-core'
import { LimitedStorage, storageContract } from '@larder/storage-core/testing'
import { describe, test } from 'vitest'

describe('MemoryStorage', () => {
  storageContract({ describe, test, open: async () => ({ storage: new MemoryStorage() }) })
})

describe('MemoryStorage without what is optional', () => {
  const without = ['atomicParts', 'transactions', 'orderByModified'] as const
  storageContract({
    describe,
    test,
    open: async () => ({ storage: new LimitedStorage(new MemoryStorage(), without) }),
  })
})
