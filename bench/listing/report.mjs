// The results as a page to read.

const count = (number) => Number(number).toLocaleString('en')
const ms = (number) => `${number} ms`
const times = ({ median, least, most }) => `${median} (${least} to ${most})`

function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

function targets({ reads, adds }) {
  const faster = reads[100_000]?.ls.keptTimesFaster.median
  const [few, many] = [adds[100], adds[1_000_000]]
  const rows = []
  if (faster !== undefined) {
    const reached = faster >= 5 ? 'yes' : 'no'
    rows.push([
      '`ls` of 100,000 members, at least 5 times faster than PostgreSQL',
      `${faster} times`,
      reached,
    ])
  }
  if (few !== undefined && many !== undefined) {
    const ratio = (many.msPerPut / few.msPerPut).toFixed(2)
    const reached = many.cmd_get === few.cmd_get && many.cmd_set === few.cmd_set ? 'yes' : 'no'
    const commands = `${many.cmd_get + many.cmd_set} and ${few.cmd_get + few.cmd_set} commands, ${ratio} times the time`
    rows.push(['adding a member to 1,000,000 costs what adding one to 100 costs', commands, reached])
  }
  return table(['target', 'measured', 'reached'], rows)
}

function reading(members, { 'page of 100': page, ...calls }) {
  const rows = Object.entries(calls).map(([call, found]) => [
    `\`${call.replace(/^(\w+)/, '$1`')}`,
    ms(found.postgresMs),
    ms(found.fetchedMs),
    times(found.fetchedTimesFaster),
    ms(found.keptMs),
    times(found.keptTimesFaster),
  ])
  const pages = Object.entries(page).map(
    ([order, { firstMs, inTheMiddleMs }]) =>
      `by ${order} ${ms(firstMs)} at first, ${ms(inTheMiddleMs)} in the middle`,
  )
  return `## Reading ${count(members)} members

${table(['', 'PostgreSQL', 'fetched', 'times faster', 'kept', 'times faster'], rows)}

A page of 100, from the database: ${pages.join('; ')}.`
}

function adding(adds) {
  const rows = Object.entries(adds).map(([members, each]) => [
    count(members),
    ms(each.msPerPut),
    ms(each.least),
    each.cmd_get,
    each.cmd_set,
    each.bytes_read,
  ])
  return `## Adding a member

One \`putContent\` after another, each of a new member: mostly the commit of PostgreSQL.

${table(['members', 'median', 'least', 'gets', 'sets, appends', 'bytes to memcached'], rows)}`
}

function building(builds) {
  const rows = Object.entries(builds).flatMap(([members, { alone, underWriters }]) => [
    [count(members), 'none', ms(alone.medianMs), ms(alone.mostMs), alone.setsThatDidNotStand],
    [
      ...[count(members), `${count(underWriters.writesASecond)} a second`],
      ...[ms(underWriters.medianMs), ms(underWriters.mostMs), underWriters.setsThatDidNotStand],
    ],
  ])
  return `## Building

\`ils\` of a listing that is not cached, while nobody and while another process creates and removes members.

${table(['members', 'writes meanwhile', 'median', 'most', 'built in vain'], rows)}`
}

function memory(found) {
  const rows = Object.entries(found).map(([way, { names, heapMiB, buffersMiB, rssMiB }]) => [
    ...[way, count(names), `${heapMiB} MiB`, `${buffersMiB} MiB`, `${rssMiB} MiB`],
  ])
  return `## Memory

The most that a process took while it listed, over what it had before.

${table(['', 'members', 'heap', 'buffers', 'resident'], rows)}`
}

/** Markdown of what `run.mjs` has measured. */
export function describe(results) {
  const { machine, date, versions, rounds, reads, builds, adds } = results
  return `# Listings

${date}, ${machine}, ${versions}. Medians of ${rounds} interleaved rounds (a third of that at 1,000,000), in brackets the least and the most. Names have 27 characters. PostgreSQL and two memcached servers run on the same machine, and both sides are asked through the same \`Storage\`.

"Fetched": all names come out of memcached, as in a process that lists for the first time (\`listMemoryBytes: 0\`). "Kept": as it is by default, where a process that has listed before asks memcached what has changed; a listing of 1,000,000 has no room there, so both columns are the same but for chance.

${targets(results)}

${Object.entries(reads)
  .map(([members, found]) => reading(members, found))
  .join('\n\n')}

${adding(adds)}

${building(builds)}

${memory(results.memory)}

\`pnpm --filter @larder/bench listing\` measures again.
`
}
