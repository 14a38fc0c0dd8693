import { EmbeddedCache } from '@larder/memcached'
import { isStorageError, MemoryStorage, type Storage } from '@larder/storage-core'
import { MemcacheStorage } from '@larder/storage-memcache'
import { SqlStorage } from '@larder/storage-sql'
import express, { type ErrorRequestHandler } from 'express'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, type IncomingMessage, request as httpRequest, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'

const STORAGES: Readonly<Record<string, (folder: string) => Promise<readonly Storage[]>>> = {
  MemoryStorage: async () => [new MemoryStorage()],
  SqlStorage: async (folder) => [await openSqlite(folder)],
  'MemcacheStorage in front of SqlStorage': async (folder) => {
    const storage = await openSqlite(folder)
    return [new MemcacheStorage({ cache: new EmbeddedCache(), storage }), storage]
  },
  'MemcacheStorage alone': async () => [new MemcacheStorage({ cache: new EmbeddedCache() })],
}

function openSqlite(folder: string): Promise<SqlStorage> {
  return SqlStorage.open({ url: `sqlite:${join(folder, 'films.sqlite')}` })
}

/** A server that stores what is uploaded under a new name, as a program would write it on Express 5. */
function filmServer(storage: Storage): Server {
  const app = express()
  app.put('/films/:name', async (req, res) => {
    const { etag } = await storage.putContent(storage.info('films', req.params.name), req, {
      ifNoneMatch: '*',
    })
    res.status(201).set('ETag', etag).end()
  })
  const onError: ErrorRequestHandler = (error, req, res, next) => {
    if (!isStorageError(error, 'E_PRECONDITION_FAILED')) {
      next(error)
      return
    }
    res.status(412).send('There is such a film')
    // The rest of the upload is thrown away, so that the connection can be used again.
    req.resume()
  }
  app.use(onError)
  return app.listen(0, '127.0.0.1')
}

/** Begins an upload of which more is to come. */
function beginUpload(url: string, agent: Agent) {
  const request = httpRequest(url, { method: 'PUT', agent })
  request.write('the first scene')
  const answered = once(request, 'response') as Promise<[IncomingMessage]>
  return { request, answered }
}

describe.each(Object.entries(STORAGES))('an upload to %s', (_, open) => {
  async function withServer(work: (origin: string, storage: Storage) => Promise<void>): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), 'larder-uploads-'))
    const storages = await open(folder)
    const [storage] = storages as [Storage]
    await storage.putContent(storage.info('films', 'taken'), 'old')
    const server = filmServer(storage)
    await once(server, 'listening')
    try {
      await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}/films`, storage)
    } finally {
      server.close()
      server.closeAllConnections()
      for (const each of storages) await each.shutdown()
      await rm(folder, { recursive: true })
    }
  }

  test('is answered 412 before its body was sent, and its connection serves the next request', async () => {
    await withServer(async (origin, storage) => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      const refused = beginUpload(`${origin}/taken`, agent)
      const [response] = await refused.answered
      expect(response.statusCode).toBe(412)
      expect(await text(response)).toBe('There is such a film')
      refused.request.end('and the last one')
      const next = beginUpload(`${origin}/new`, agent)
      next.request.end(', and that is all')
      const [created] = await next.answered
      expect(created.statusCode).toBe(201)
      expect(next.request.socket).toBe(refused.request.socket)
      created.resume()
      const read = async (name: string) => {
        const { bytes } = await storage.getContent(storage.info('films', name))
        return bytes.toString()
      }
      expect([await read('taken'), await read('new')]).toEqual(['old', 'the first scene, and that is all'])
      agent.destroy()
    })
  })

  test('is answered 412 to fetch, which still sends', async () => {
    await withServer(async (origin) => {
      const body = new PassThrough()
      body.write('the first scene')
      const response = await fetch(`${origin}/taken`, { method: 'PUT', body, duplex: 'half' })
      expect(response.status).toBe(412)
      expect(await response.text()).toBe('There is such a film')
      body.end()
    })
  })

  test('of a client that breaks off leaves nothing', async () => {
    await withServer(async (origin, storage) => {
      const agent = new Agent({ maxSockets: 1 })
      const { request, answered } = beginUpload(`${origin}/broken`, agent)
      const failed = expect(answered).rejects.toThrow()
      await once(request, 'socket')
      request.destroy()
      await failed
      // The next write of the name comes after the one that failed.
      const whole = beginUpload(`${origin}/broken`, agent)
      whole.request.end(', whole')
      expect((await whole.answered)[0].statusCode).toBe(201)
      const { bytes } = await storage.getContent(storage.info('films', 'broken'))
      expect(bytes.toString()).toBe('the first scene, whole')
      agent.destroy()
    })
  })
})
