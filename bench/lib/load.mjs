// Whether the machine is busy with something else, which makes figures worthless.
import { availableParallelism, loadavg } from 'node:os'

/** What to say of the load of the last minute; undefined where there are cores to spare. */
export function loadWarning(load = loadavg()[0], cores = availableParallelism()) {
  if (load <= cores) return undefined
  return `Warning: the load average is ${load.toFixed(1)} on ${cores} cores: other programs are running, and the figures are not to be trusted`
}
