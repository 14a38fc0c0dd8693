import { MemoryStorage } from '@larder/storage-core'
import { FaultyStorage } from '@larder/storage-core/testing'
import { expect, test } from 'vitest'
import { entryXml, linkOf, rootOf, titlesOf } from './support/documents.js'
import { ENTRY, newInstance } from './support/server.js'

test('a page is one listing and one batch of entries, wherever it is', async () => {
  const storage = new FaultyStorage(new MemoryStorage())
  const instance = await newInstance({ storage, config: { pageSize: 4 } })
  for (let i = 0; i < 12; i++) await instance.post('/blog', ENTRY, entryXml(`n${i}`))
  let href: string | undefined = '/blog'
  for (const titles of [
    ['n11', 'n10', 'n9', 'n8'],
    ['n7', 'n6', 'n5', 'n4'],
    ['n3', 'n2', 'n1', 'n0'],
  ]) {
    storage.forgetCalls()
    const { text } = await instance.get(href ?? '')
    expect(titlesOf(text)).toEqual(titles)
    expect(storage.calls.map(({ method }) => method)).toEqual(['page', 'getMany'])
    href = linkOf(rootOf(text), 'next')
  }
  expect(href).toBeUndefined()
  storage.forgetCalls()
  await instance.get('/blog/n3')
  expect(storage.calls.map(({ method }) => method)).toEqual(['getMetaData'])
})

test('media and its entry are written in one step', async () => {
  const storage = new FaultyStorage(new MemoryStorage())
  const instance = await newInstance({ storage })
  await instance.post('/pictures', 'image/png', 'x', { Slug: 'p' })
  await instance.put('/pictures/p/media', 'image/png', 'y')
  await instance.call('DELETE', '/pictures/p')
  const writes = storage.calls
    .map(({ method }) => method)
    .filter((method) => /^(?:put|remove|persist)/.test(method))
  expect(writes).toEqual(['put', 'persist', 'put', 'persist', 'remove', 'persist'])
})
