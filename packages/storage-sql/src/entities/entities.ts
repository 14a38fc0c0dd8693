import { processWide } from '@larder/storage-core/driver'
import { bodyEntity, chunkEntity } from './body.js'
import { changeEntity, floorEntity } from './change.js'
import { containerEntity, type EntityClass } from './container.js'
import { type DatabaseType, type Family, familyOf } from './family.js'
import { journalEntity } from './journal.js'
import { resourceEntity } from './resource.js'
import { schemaEntity } from './schema.js'
import { type TableName, type TableOptions, tablePrefixOf } from './tables.js'

const known = processWide(
  'storage-sql/entities@1',
  () => new Map<string, Readonly<Record<TableName, EntityClass>>>(),
)

/** The entity classes by table. The same arguments give the same classes. */
export function entitiesOf(family: Family, prefix: string): Readonly<Record<TableName, EntityClass>> {
  const id = `${family}:${prefix}`
  let entities = known.get(id)
  if (entities === undefined) {
    const container = containerEntity(family, prefix)
    const body = bodyEntity(family, prefix)
    entities = {
      container,
      resource: resourceEntity(family, prefix, container),
      body,
      chunk: chunkEntity(family, prefix, body),
      journal: journalEntity(family, prefix),
      change: changeEntity(family, prefix),
      floor: floorEntity(family, prefix),
      schema: schemaEntity(family, prefix),
    }
    known.set(id, entities)
  }
  return entities
}

/**
 * The entities for the `entities` of a `DataSource` of your own, which differ with its `type` since the databases have
 * no binary type in common. Throws a `TypeError` for a type that is not supported.
 */
export function larderEntities(type: DatabaseType, options: TableOptions = {}): EntityClass[] {
  return Object.values(entitiesOf(familyOf(type), tablePrefixOf('larderEntities', options)))
}
