/** Subscriptions to changes of tables. */

export type { TableChangesHandler, TableInvalidator } from './change-handler.js'
export { installTriggers, removeTriggers } from './own-triggers.js'
export { onTableChanges, type TableChangesOptions, TableSubscription } from './table-subscription.js'
export type { TriggerOptions } from './trigger-options.js'
export { unwatchTables, watchTables } from './watch-tables.js'
