import type { Family } from '../entities/index.js'
import { WORDS } from './words.js'

/** A column of a resource's row and what it is to become, as SQL over the row as others wrote it. */
export interface NormalColumn {
  readonly column: string
  readonly type: string
  readonly value: string
}

/**
 * What makes a row that others wrote one that the library can read: a version above any of before, for the row and for
 * the parts that changed; sizes, times and `live` that fit. A part is there while it has bytes, unless its version was
 * taken away; an update that changes no part counts as a change of both, for what it stands for may lie elsewhere.
 * Rows that the library writes stay unchanged.
 */
export function normalRow(
  family: Family,
  event: 'insert' | 'update',
  tables: { readonly resource: string; readonly floor: string },
): readonly NormalColumn[] {
  const { differs, greatest, bytes, octets, nowUs } = WORDS[family]
  const isNew = event === 'insert'
  const old = (column: string) => (isNew ? 'NULL' : `OLD.${column}`)
  const changed = (column: string) => differs(`NEW.${column}`, old(column))
  const any = (...columns: readonly string[]) => `(${columns.map(changed).join(' OR ')})`
  const contentDiffers = any('content', 'content_body', 'content_size', 'content_version')
  const metadataDiffers = any('metadata', 'metadata_version')
  const contentChanged = isNew ? '(1 = 1)' : `(${contentDiffers} OR NOT ${metadataDiffers})`
  const metadataChanged = isNew ? '(1 = 1)' : `(${metadataDiffers} OR NOT ${contentDiffers})`
  const wasTaken = (part: string) =>
    isNew ? '(1 = 0)' : `(NEW.${part}_version IS NULL AND OLD.${part}_version IS NOT NULL)`
  const hasContent = `((NEW.content IS NOT NULL OR NEW.content_body IS NOT NULL) AND NOT ${wasTaken('content')})`
  const hasMetadata = `(NEW.metadata IS NOT NULL AND NOT ${wasTaken('metadata')})`
  // Bytes in the row take the place of those in chunks.
  const body =
    `CASE WHEN ${changed('content')} AND NEW.content IS NOT NULL AND NOT ${changed('content_body')} ` +
    'THEN NULL ELSE NEW.content_body END'

  const above = `(SELECT version + 1 FROM ${tables.floor} WHERE id = 1)`
  const standing =
    `COALESCE((SELECT s.version + 1 FROM ${tables.resource} s ` +
    'WHERE s.container_id = NEW.container_id AND s.name = NEW.name), 1)'
  const moved = isNew ? '(1 = 0)' : any('container_id', 'name')
  // In SQLite the row is in the table already.
  const unseen = isNew ? (family === 'sqlite' ? '1' : standing) : 'OLD.version + 1'
  const arrived = isNew ? above : `CASE WHEN ${moved} THEN ${above} ELSE 0 END`
  const version = greatest(greatest('NEW.version', unseen), arrived)
  // SQLite may fire the trigger for what the trigger itself has set, the time included: that has to come to an end.
  const isTimed =
    family === 'sqlite' ? `(${changed('modified_us')} OR NEW.version > OLD.version)` : changed('modified_us')
  const modified = isNew
    ? `CASE WHEN NEW.modified_us > 0 THEN NEW.modified_us ELSE ${nowUs} END`
    : `CASE WHEN ${isTimed} THEN NEW.modified_us ELSE ${greatest('OLD.modified_us + 1', nowUs)} END`

  const part = (name: string, has: string, isChanged: string) => [
    column(
      `${name}_version`,
      'bigint',
      `CASE WHEN ${has} THEN ${pick(isChanged, version, `${name}_version`)} END`,
    ),
    column(
      `${name}_modified_us`,
      'bigint',
      `CASE WHEN ${has} THEN ${pick(`(${isChanged} AND NOT ${changed(`${name}_modified_us`)})`, modified, `${name}_modified_us`)} END`,
    ),
  ]
  return [
    column('version', 'bigint', version),
    column('ext', NAME[family], EXT[family]),
    column('live', 'smallint', `CASE WHEN ${hasContent} OR ${hasMetadata} THEN 1 ELSE 0 END`),
    column('modified_us', 'bigint', modified),
    ...part('content', hasContent, contentChanged),
    column(
      'content_size',
      'bigint',
      `CASE WHEN ${hasContent} THEN CASE WHEN (${body}) IS NULL THEN ${octets('NEW.content')} ELSE NEW.content_size END END`,
    ),
    column('content', BYTES[family], `CASE WHEN ${hasContent} THEN ${bytes('NEW.content')} END`),
    column('content_body', 'bigint', `CASE WHEN ${hasContent} THEN ${body} END`),
    ...part('metadata', hasMetadata, metadataChanged),
    column('metadata', BYTES[family], `CASE WHEN ${hasMetadata} THEN ${bytes('NEW.metadata')} END`),
  ]
}

const NAME: Readonly<Record<Family, string>> = { postgres: 'text', mysql: 'varbinary(512)', sqlite: 'text' }

/** The end of the name from its last dot on, or NULL. */
const EXT: Readonly<Record<Family, string>> = {
  postgres: `substring(NEW.name from '[.][^.]*$')`,
  mysql: `CASE WHEN LOCATE('.', NEW.name) > 0 THEN CONCAT('.', SUBSTRING_INDEX(NEW.name, '.', -1)) END`,
  sqlite:
    `CASE WHEN instr(NEW.name, '.') > 0 THEN ` +
    `'.' || substr(NEW.name, length(rtrim(NEW.name, replace(NEW.name, '.', ''))) + 1) END`,
}

const BYTES: Readonly<Record<Family, string>> = { postgres: 'bytea', mysql: 'mediumblob', sqlite: 'blob' }

function column(name: string, type: string, value: string): NormalColumn {
  return { column: name, type, value }
}

function pick(condition: string, then: string, otherwise: string): string {
  return `CASE WHEN ${condition} THEN ${then} ELSE NEW.${otherwise} END`
}
