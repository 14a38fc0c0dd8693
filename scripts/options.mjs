// Writes docs/options.md from the declarations of options; `--check` compares instead, and exits with 1 on a difference.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { USERS } from './option-users.mjs'
import { root } from './workspace.mjs'

const PAGE = join(root, 'docs', 'options.md')

/** These come first in every table; the rest stands in the order of the declarations. */
const FIRST = ['servers', 'client', 'cache', 'storage', 'url', 'typeorm', 'dataSource', 'keyPrefix', 'ttlMs']

/** Package, heading, introduction, source file and table. @type {[string, string, string, string, string][]} */
const SECTIONS = [
  ['storage-memcache', 'MemcacheStorage', '', 'memcache-storage.ts', 'MEMCACHE_STORAGE_OPTIONS'],
  [
    'storage-sql',
    'SqlStorage',
    'One of `url`, `typeorm` and `dataSource` is needed.',
    'options.ts',
    'SQL_STORAGE_OPTIONS',
  ],
  ['storage-core', 'MemoryStorage', '', 'memory-storage.ts', 'MEMORY_STORAGE_OPTIONS'],
  [
    'memcached',
    'RemoteCache',
    'The second argument of `new RemoteCache(servers, options)`, and the option `client` of other classes.',
    'client/remote-options.ts',
    'REMOTE_OPTIONS',
  ],
  ['memcached', 'RemoteCache: routing', 'The fields of `routing`.', 'routing/router.ts', 'ROUTING_OPTIONS'],
  ['memcached', 'RemoteCache: udp', 'The fields of `udp`.', 'transport/udp-options.ts', 'UDP_OPTIONS'],
  ['memcached', 'EmbeddedCache', '', 'embedded/embedded-cache.ts', 'EMBEDDED_OPTIONS'],
  [
    'memcached',
    'MemcacheClient',
    'One of `servers` and `cache` is needed. With `servers`, the options of `RemoteCache` too.',
    'client/client-options.ts',
    'CLIENT_OPTIONS',
  ],
  [
    'memcached',
    'MemcacheSessionStore',
    'Of `express-session` and `@fastify/session`. `client` is needed.',
    'sessions/session-options.ts',
    'SESSION_OPTIONS',
  ],
  [
    'storage-memcache',
    'QueryCache',
    'One of `servers` and `cache` is needed.',
    'query/query-cache.ts',
    'QUERY_CACHE_OPTIONS',
  ],
  [
    'storage-memcache',
    'QueryCache.cached',
    'Of one call; what it leaves out is as the `QueryCache` has it.',
    'query/cached-options.ts',
    'CACHED_OPTIONS',
  ],
  ['storage-memcache', 'CachedQuery', '', 'query/cached-query.ts', 'CACHED_QUERY_OPTIONS'],
  [
    'storage-memcache',
    'MemcacheQueryResultCache',
    'For TypeORM. One of `servers` and `cache` is needed.',
    'typeorm/query-result-cache-options.ts',
    'RESULT_CACHE_OPTIONS',
  ],
  [
    'storage-memcache',
    'KeyvMemcache',
    'One of `servers` and `cache` is needed.',
    'keyv/keyv-memcache.ts',
    'KEYV_OPTIONS',
  ],
  ['storage-memcache', 'MemcacheMaps', '', 'map/memcache-maps.ts', 'MAPS_OPTIONS'],
  [
    'storage-memcache',
    'MemcacheMaps: plugins',
    'A configuration in `plugins`.',
    'map/memcache-maps.ts',
    'MAP_PLUGIN_OPTIONS',
  ],
  ['storage-memcache', 'getMemcacheMap', '', 'map/memcache-maps.ts', 'MAP_OPTIONS'],
  [
    'storage-memcache',
    'MemcacheLock',
    'One of `servers` and `cache` is needed.',
    'lock/memcache-lock.ts',
    'MEMCACHE_LOCK_OPTIONS',
  ],
  ['storage-sql', 'SqlLock', '', 'sql-lock.ts', 'SQL_LOCK_OPTIONS'],
  ['storage-core', 'acquire and withLock', 'Of one call of a lock.', 'lock/lock-times.ts', 'ACQUIRE_OPTIONS'],
  ['storage-core', 'VersionFence', '', 'lock/version-fence.ts', 'FENCE_OPTIONS'],
  ['storage-sql', 'SqlOutbox', '', 'sql-outbox.ts', 'SQL_OUTBOX_OPTIONS'],
  ['storage-sql', 'onTableChanges', '', 'watching/table-subscription.ts', 'TABLE_CHANGES_OPTIONS'],
  [
    'storage-sql',
    'Triggers',
    'Of `installTriggers` and its kin.',
    'watching/trigger-options.ts',
    'TRIGGER_OPTIONS',
  ],
  ['storage-sql', 'purge', '', 'driver/care.ts', 'PURGE_OPTIONS'],
  ['storage-memcache', 'audit', '', 'audit/audit.ts', 'AUDIT_OPTIONS'],
  ['storage-memcache', 'instrument', '', 'opentelemetry/instrument.ts', 'INSTRUMENT_OPTIONS'],
  ['storage-core', 'compressedCodec', '', 'codecs/compressed.ts', 'COMPRESSED_CODEC_OPTIONS'],
  ['storage-core', 'Calls of a storage: all', '', 'call-options.ts', 'CALL_OPTIONS'],
  ['storage-core', 'Calls of a storage: writes', '', 'call-options.ts', 'WRITE_OPTIONS'],
  ['storage-core', 'Calls of a storage: getMany', '', 'call-options.ts', 'READ_MANY_OPTIONS'],
  ['storage-core', 'Calls of a storage: exists', '', 'call-options.ts', 'EXISTS_OPTIONS'],
  ['storage-core', 'Calls of a storage: ls and ils', '', 'call-options.ts', 'LIST_OPTIONS'],
  ['storage-core', 'Calls of a storage: page', '', 'call-options.ts', 'PAGE_OPTIONS'],
  ['storage-core', 'Calls of a storage: transaction', '', 'call-options.ts', 'TRANSACTION_OPTIONS'],
  ['memcached', 'Calls of a MemcacheClient: all', '', 'client/client-options.ts', 'CALL_OPTIONS'],
  ['memcached', 'Calls of a MemcacheClient: stores', '', 'client/client-options.ts', 'STORE_OPTIONS'],
  ['memcached', 'Calls of a MemcacheClient: delete', '', 'client/client-options.ts', 'DELETE_OPTIONS'],
  [
    'memcached',
    'Calls of a MemcacheClient: deleteMulti',
    '',
    'client/client-options.ts',
    'DELETE_MANY_OPTIONS',
  ],
  [
    'memcached',
    'Calls of a MemcacheClient: incr and decr',
    '',
    'client/client-options.ts',
    'COUNTER_OPTIONS',
  ],
]

const pathOf = ([name, , , file]) => join(root, 'packages', name, 'src', file)

/** The comment of an option, or of the one that it is taken from, as in `signal: CALL.signal`. */
function commentOf(checker, option) {
  const own = ts.displayPartsToString(option.getDocumentationComment(checker))
  const origin = option.valueDeclaration?.initializer
  if (own === '' && origin !== undefined && ts.isPropertyAccessExpression(origin))
    return commentOf(checker, checker.getSymbolAtLocation(origin.name))
  return own.replace(/\s+/g, ' ').trim()
}

/** The values of an option that takes one of some words. */
function choicesOf(checker, option) {
  const check = checker.getTypeOfSymbol(option).getProperty('check')
  const [signature] = check
    ? checker.getSignaturesOfType(checker.getTypeOfSymbol(check), ts.SignatureKind.Call)
    : []
  const value = signature?.getReturnType()
  const words = value?.isUnion()
    ? value.types.flatMap((type) => (type.isStringLiteral() ? [type.value] : []))
    : []
  if (words.length === 0 || words.length < (value?.isUnion() ? value.types.length : 0)) return ''
  // The compiler gives them in the order in which it met them, which any other file changes.
  return ` One of ${words
    .toSorted()
    .map((word) => `\`'${word}'\``)
    .join(', ')}.`
}

/** Each option of a table with what its comment says, also where the table spreads others. */
function readTables() {
  const { options } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(join(root, 'tsconfig.base.json'), ts.sys.readFile).config,
    ts.sys,
    root,
  )
  const program = ts.createProgram(SECTIONS.map(pathOf), { ...options, noEmit: true, composite: false })
  const checker = program.getTypeChecker()
  return SECTIONS.map((section) => {
    const [name, heading, introduction, file, table] = section
    const source = program.getSourceFile(pathOf(section))
    const statement = source?.statements
      .filter(ts.isVariableStatement)
      .flatMap(({ declarationList }) => [...declarationList.declarations])
      .find((declaration) => declaration.name.getText() === table)
    if (statement === undefined) throw new Error(`There is no ${table} in packages/${name}/src/${file}`)
    const rows = checker.getPropertiesOfType(checker.getTypeAtLocation(statement)).map((option) => {
      const text = commentOf(checker, option)
      if (text === '') throw new Error(`The option ${option.name} in ${table} has no comment`)
      const [, meaning = text, fallback = ''] =
        /^(.*?)\s*Default(?: and largest)?: (.*?)\.?$/.exec(text) ?? []
      return { name: option.name, meaning: `${meaning}${choicesOf(checker, option)}`, fallback }
    })
    const rankOf = ({ name: each }) => (FIRST.includes(each) ? FIRST.indexOf(each) : FIRST.length)
    rows.sort((a, b) => rankOf(a) - rankOf(b))
    return { package: `@larder/${name}`, heading, introduction, rows }
  })
}

/** @param {string} name */
function userOf(name) {
  const user = USERS[name]
  if (user === undefined) throw new Error(`scripts/option-users.mjs does not say who needs ${name}`)
  return user
}

/** @param {string} text */
const cell = (text) => text.replaceAll('|', String.raw`\|`)

function page() {
  const sections = readTables().map(({ package: from, heading, introduction, rows }) => {
    const lines = rows.map(
      ({ name, meaning, fallback }) =>
        `| \`${name}\` | ${cell(meaning)} | ${cell(fallback)} | ${userOf(name)} |`,
    )
    const words = [`Package \`${from}\`.`, introduction].filter((each) => each !== '').join(' ')
    return `## ${heading}\n\n${words}\n\n| option | meaning | default | who needs it |\n| --- | --- | --- | --- |\n${lines.join('\n')}\n`
  })
  return `# Options

Generated from the declarations in the sources by \`node scripts/options.mjs\`. Durations are in milliseconds and sizes in bytes unless the name says otherwise. An unknown option is a \`TypeError\` that names the closest known one; a value out of range is a \`RangeError\`; both come before any I/O. The last column names who needs an option; every other program leaves it out.

${sections.join('\n')}`
}

const text = page()
const unknown = Object.keys(USERS).filter((name) => !text.includes(`| \`${name}\` |`))
if (unknown.length > 0)
  throw new Error(`scripts/option-users.mjs names options that do not exist: ${unknown}`)
if (process.argv.includes('--check')) {
  if (readFileSync(PAGE, 'utf8') !== text) {
    console.error('docs/options.md is not what the declarations say: run node scripts/options.mjs')
    process.exitCode = 1
  }
} else writeFileSync(PAGE, text)
