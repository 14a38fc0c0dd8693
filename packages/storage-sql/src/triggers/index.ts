/** Triggers on Larder's tables and on tables of the program. */

export { resourceName, resourceTriggers } from './resource-triggers.js'
export {
  CHANNEL,
  schemaOf,
  type Trigger,
  type TriggerPaths,
  watchName,
  watchPrefix,
  watchTriggers,
} from './trigger.js'
export { wakeName, wakeTriggers } from './wake-trigger.js'
