import type { Storage, StorageTransaction } from '@larder/storage-core'
import { larderEntities, larderMigrations, SqlStorage, type SqlOptions } from '@larder/storage-sql'
import { DataSource, type EntityManager, EntitySchema, EntitySchemaOptions } from 'typeorm'
import { type DatabaseName, DATABASES, type Place } from './databases.js'

/** A row of the table that the program has of its own. */
export interface OrderRow {
  readonly id: number
  readonly total: number
}

export const Order = new EntitySchema<OrderRow>(
  Object.assign(new EntitySchemaOptions<OrderRow>(), {
    name: 'order_',
    columns: { id: { type: Number, primary: true }, total: { type: Number } },
  }),
)

/** A program with a table of its own, and a storage on its data source. */
export class Program implements AsyncDisposable {
  constructor(
    readonly place: Place,
    readonly dataSource: DataSource,
    readonly storage: SqlStorage,
  ) {}

  static async open(name: DatabaseName, options: SqlOptions & { readonly pool?: number } = {}) {
    const { pool, ...rest } = options
    const place = await DATABASES[name]()
    const dataSource = new DataSource({
      ...place.typeorm,
      ...(pool === undefined || name === 'sqlite' ? {} : { poolSize: pool }),
      entities: [Order, ...larderEntities(place.typeorm.type as 'postgres')],
      migrations: larderMigrations(place.typeorm.type as 'postgres'),
    } as typeof place.typeorm)
    await dataSource.initialize()
    await dataSource.query('CREATE TABLE order_ (id integer PRIMARY KEY, total integer NOT NULL)')
    const storage = await SqlStorage.open({ dataSource, migrate: true, ...rest })
    return new Program(place, dataSource, storage)
  }

  async totals(): Promise<Record<string, number>> {
    const orders = await this.dataSource.getRepository(Order).find({ order: { id: 'ASC' } })
    return Object.fromEntries(orders.map(({ id, total }) => [id, total] as const))
  }

  async contents(): Promise<Record<string, string>> {
    const infos = await this.storage.ls('invoices')
    const parts = await this.storage.getMany([...infos.values()])
    return Object.fromEntries([...infos.keys()].map((each, i) => [each, String(parts[i]?.bytes)] as const))
  }

  async [Symbol.asyncDispose]() {
    await this.storage.shutdown()
    await this.dataSource.destroy()
    await this.place[Symbol.asyncDispose]()
  }
}

export const boom = new Error('the program failed')

export function invoice(storage: Storage, id: number) {
  return storage.info('invoices', String(id))
}

export async function bill(tx: StorageTransaction, manager: EntityManager, id: number): Promise<void> {
  await manager.insert(Order, { id, total: id * 10 })
  await tx.putContent(invoice(tx, id), `invoice ${id}`)
}
