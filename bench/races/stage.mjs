// A SQLite database of its own for each play, with gates; any number of processes in front of it.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FaultyStorage } from '@larder/storage-core/testing'
import { SqlStorage } from '@larder/storage-sql'

/** What a library in the place of the cache sees of the database: it reads, and its writers commit. */
export class Stage {
  #closing = []

  static async open(peer, tells, servers) {
    const stage = new Stage()
    stage.folder = mkdtempSync(join(tmpdir(), 'larder-races-'))
    stage.file = join(stage.folder, 'database.sqlite')
    stage.peer = peer
    stage.tells = tells
    stage.servers = servers
    stage.key = `film-${process.pid}-${Math.random().toString(36).slice(2)}`
    stage.sql = await SqlStorage.open({ url: `sqlite:${stage.file}` })
    stage.durable = new FaultyStorage(stage.sql)
    stage.info = stage.durable.info('films', stage.key)
    return stage
  }

  /** Another process: connections and memory of its own. */
  async process() {
    const process = await this.peer.open(this)
    this.#closing.push(() => process.close?.())
    return process
  }

  async load() {
    return (await this.durable.getContent(this.info)).bytes.toString()
  }

  async commit(value) {
    await (this.peer.commit?.(this, value) ?? this.durable.putContent(this.info, value))
  }

  pauseNextFill(reader) {
    return reader.pauseNextFill?.() ?? this.durable.pauseNextRead({ at: 'after' })
  }

  /** Committed, and the writer does not know it yet. */
  pauseNextWrite() {
    return this.durable.pauseNextWrite({ at: 'after' })
  }

  async close() {
    for (const close of this.#closing.reverse()) await close()
    await this.sql.shutdown()
    rmSync(this.folder, { recursive: true, force: true })
  }
}
