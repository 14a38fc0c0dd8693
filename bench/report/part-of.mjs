// Results of an own shape, as the report shows them. All others have its shape already.
const OWN = { races, listing, journal }

export function partOf(name, results) {
  return { name, ...(OWN[name]?.(results) ?? results) }
}

function races({ node, rows }) {
  const plays = Object.keys(rows[0]?.served ?? {})
  return {
    title: 'What the next read returns after a race',
    command: 'pnpm --filter @larder/bench races',
    text: 'A reader reads "old", a writer commits "new" and tells the cache, and only then the reader stores what it has read; at the end two writers tell the cache in the wrong order. Gates, no luck: "new" is right.',
    versions: { node, ...Object.fromEntries(rows.map(({ library, version }) => [library, version])) },
    tables: [
      {
        head: ['library', 'cache', ...plays],
        rows: rows.map(({ library, backend, served }) => [
          library,
          backend,
          ...plays.map((play) => served[play]),
        ]),
      },
    ],
    targets: [target(rows)],
  }
}

function target(rows) {
  const served = rows
    .filter(({ library }) => library.startsWith('Larder'))
    .flatMap((row) => Object.values(row.served))
  const asked = served.filter((read) => read !== '-')
  const right = asked.filter((read) => read === 'new').length
  const figure = `${right} of ${asked.length} reads`
  return { text: 'Larder never serves the past', figure, isReached: right === asked.length }
}

function journal({ about, results }) {
  const percent = (share) => `${Math.round(share * 100)} %`
  const rows = results.map((one) => [
    one.database,
    one.isDurable ? 'yes' : 'no',
    one.atOnce,
    one.withoutUs,
    one.withUs,
    percent(one.journalCosts),
    one.quartilesOfPairs.map(percent).join(' to '),
  ])
  return {
    title: 'What the journal costs',
    command: 'pnpm --filter @larder/bench journal',
    text: `Writes of ${about.contentBytes} bytes through a MemcacheStorage, with a journal and without, by turns; the dropping of the rows included. ${about.rounds} rounds of ${about.writesARound}.`,
    versions: { node: about.node },
    tables: [
      {
        head: [
          'database',
          'waits for the disk',
          'at once',
          'without, µs',
          'with, µs',
          'cost',
          'half of the pairs',
        ],
        rows,
      },
    ],
  }
}

/** Sections of measurements, whatever they hold: a row for each, a cell for each number. */
function listing({ machine, rounds, ...sections }) {
  return {
    title: 'Listings',
    command: 'pnpm --filter @larder/bench listing',
    text: `Listings out of the cache and from PostgreSQL, ${rounds} interleaved rounds. "fetched": all names come from memcached each time; "kept": a process that has listed before asks for what has changed.`,
    versions: { node: machine },
    tables: Object.entries(sections).map(([name, section]) => tableOf(name, section)),
  }
}

function tableOf(title, section) {
  const rows = Object.entries(section).flatMap(([name, value]) => rowsOf([name], value))
  const columns = [...new Set(rows.flatMap(({ cells }) => [...cells.keys()]))]
  const body = rows.map(({ path, cells }) => [
    path.join(', '),
    ...columns.map((column) => cells.get(column) ?? ''),
  ])
  return { title, head: ['', ...columns], rows: body }
}

/** An object of numbers is a row, an object of objects several. */
function rowsOf(path, value) {
  if (!isObject(value)) return [{ path, cells: new Map([['', textOf(value)]]) }]
  const entries = Object.entries(value)
  if (entries.some(([, inner]) => isObject(inner) && !isSpread(inner)))
    return entries.flatMap(([name, inner]) => rowsOf([...path, name], inner))
  return [{ path, cells: new Map(entries.map(([name, inner]) => [name, textOf(inner)])) }]
}

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value)
const isSpread = (value) => 'median' in value

function textOf(value) {
  return isObject(value) ? `${value.median} (${value.least} to ${value.most})` : String(value)
}
