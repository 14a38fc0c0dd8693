// The plays: each has one right ending, "new". Gates stop a step, so that nothing depends on time.

/** The order of the columns. `writers`: how a writer tells its cache, for caches that are told. */
export const plays = [
  { name: 'no race, delete', tells: 'delete', play: inTurn },
  { name: 'no race, set', tells: 'set', play: inTurn },
  { name: 'a delete overtakes a fill, 1 process', tells: 'delete', play: overtakenFill(1) },
  { name: 'a delete overtakes a fill, 2 processes', tells: 'delete', play: overtakenFill(2) },
  { name: 'a set overtakes a fill, 2 processes', tells: 'set', play: overtakenFill(2) },
  { name: 'two sets arrive in the wrong order', tells: 'set', play: wrongOrder },
]

/** Everything in its turn: shows that the library is used as it should be. */
async function inTurn(stage) {
  const [reader, writer] = [await stage.process(), await stage.process()]
  await stage.commit('old')
  if ((await reader.read()) !== 'old' || (await reader.read()) !== 'old') throw new Error('It does not read')
  await stage.commit('unseen')
  if ((await reader.read()) !== 'old') throw new Error('It does not cache')
  await writer.write('new')
  return (await stage.process()).read()
}

/** A reader has read "old" from the database and not yet stored it in the cache; a writer commits "new". */
function overtakenFill(processes) {
  return async (stage) => {
    const reader = await stage.process()
    const writer = processes === 1 ? reader : await stage.process()
    await stage.commit('old')
    const gate = stage.pauseNextFill(reader)
    const slow = reader.read()
    await gate.reached
    await writer.write('new')
    gate.open()
    await slow
    return (await stage.process()).read()
  }
}

/** Two writers commit one after the other, and the first is the last to tell the cache. */
async function wrongOrder(stage) {
  const [first, second] = [await stage.process(), await stage.process()]
  await stage.commit('older')
  const gate = stage.pauseNextWrite()
  const slow = first.write('old')
  await gate.reached
  await second.write('new')
  gate.open()
  await slow
  return (await stage.process()).read()
}
