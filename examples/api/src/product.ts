import { type DataSource, EntitySchema, EntitySchemaOptions, Table } from 'typeorm'

export interface Product {
  id: number
  name: string
  priceCents: number
  /** Grows with each change. */
  version: number
}

export const PRODUCT_TABLE = 'api_product'

export const ProductSchema = new EntitySchema<Product>(
  Object.assign(new EntitySchemaOptions<Product>(), {
    name: PRODUCT_TABLE,
    columns: {
      id: { type: Number, primary: true, generated: true },
      name: { type: 'varchar', length: 200 },
      priceCents: { type: Number },
      version: { type: Number, version: true },
    },
  } as const),
)

/** Makes the table where it is missing. A program of your own has a migration for that. */
export async function createProducts(source: DataSource): Promise<void> {
  const number = { type: 'integer' } as const
  const columns = [
    { name: 'id', ...number, isPrimary: true, isGenerated: true, generationStrategy: 'increment' } as const,
    { name: 'name', type: 'varchar', length: '200' },
    { name: 'priceCents', ...number },
    { name: 'version', ...number },
  ]
  const runner = source.createQueryRunner()
  try {
    await runner.createTable(new Table({ name: PRODUCT_TABLE, columns }), true)
  } finally {
    await runner.release()
  }
}

/** What a client may say about a product. */
export type ProductFields = Pick<Product, 'name' | 'priceCents'>

/** Undefined for what is no product. */
export function parseFields(body: unknown): ProductFields | undefined {
  if (typeof body !== 'object' || body === null) return undefined
  const { name, priceCents } = body as Partial<Record<keyof ProductFields, unknown>>
  if (typeof name !== 'string' || name === '' || name.length > 200) return undefined
  if (typeof priceCents !== 'number' || !Number.isInteger(priceCents) || priceCents < 0) return undefined
  return { name, priceCents }
}
