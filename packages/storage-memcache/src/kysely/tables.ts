import type { OperationNode } from 'kysely'

/** Statements in raw SQL that name tables, which the syntax tree does not show. */
const NAMES_TABLES = /\b(?:from|join|into|update|table|merge|call|exec(?:ute)?)\b/i

/** Where a statement that changes rows names its tables. */
const TARGETS: Readonly<Partial<Record<OperationNode['kind'], readonly string[]>>> = {
  InsertQueryNode: ['into'],
  UpdateQueryNode: ['table'],
  DeleteQueryNode: ['from'],
  MergeQueryNode: ['into'],
}

/** Tables of a query, as `table` or `schema.table`, each once. */
export interface QueryTables {
  readonly tables: readonly string[]
  /** Some SQL is raw and names tables that are not among them. */
  readonly isPartial: boolean
}

/** All tables that a query names, without the names of its common table expressions. */
export function tablesIn(query: OperationNode): QueryTables {
  return namesBelow([query])
}

/** The tables whose rows a statement changes; none for a query. */
export function changedTables(statement: OperationNode): QueryTables {
  const targets: OperationNode[] = []
  visit(statement, (node) => {
    for (const field of TARGETS[node.kind] ?? []) {
      const target = (node as unknown as Readonly<Record<string, unknown>>)[field]
      targets.push(...[target].flat().filter(isNode))
    }
  })
  const isRaw = statement.kind === 'RawNode' && namesTables(statement)
  const found = namesBelow(targets)
  return isRaw ? { ...found, isPartial: true } : found
}

function namesBelow(nodes: readonly OperationNode[]): QueryTables {
  const tables = new Set<string>()
  const own = new Set<string>()
  let isPartial = false
  for (const root of nodes) {
    visit(root, (node) => {
      if (node.kind === 'CommonTableExpressionNameNode') for (const name of namesOf(node)) own.add(name)
      else if (node.kind === 'TableNode') for (const name of namesOf(node)) tables.add(name)
      else if (node.kind === 'RawNode') isPartial ||= namesTables(node)
    })
  }
  return { tables: [...tables].filter((name) => !own.has(name)), isPartial }
}

function namesTables(node: OperationNode): boolean {
  const { sqlFragments = [] } = node as { readonly sqlFragments?: readonly string[] }
  return NAMES_TABLES.test(sqlFragments.join(' '))
}

interface Name {
  readonly schema?: { readonly name: string }
  readonly identifier: { readonly name: string }
}

function namesOf(node: OperationNode): string[] {
  const { table } = node as unknown as { readonly table: Name | { readonly table: Name } }
  const name = 'table' in table ? table.table : table
  return [name.schema === undefined ? name.identifier.name : `${name.schema.name}.${name.identifier.name}`]
}

function visit(value: unknown, see: (node: OperationNode) => void): void {
  if (Array.isArray(value)) for (const each of value) visit(each, see)
  else if (isNode(value)) {
    see(value)
    for (const each of Object.values(value)) if (typeof each === 'object') visit(each, see)
  }
}

/** Values of parameters are no nodes, whatever they look like: they stand in nodes that are not entered. */
function isNode(value: unknown): value is OperationNode {
  return (
    typeof value === 'object' &&
    value !== null &&
    'kind' in value &&
    typeof value.kind === 'string' &&
    value.kind !== 'ValueNode' &&
    value.kind !== 'PrimitiveValueListNode'
  )
}
