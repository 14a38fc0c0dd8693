import type { NamesOf } from '@larder/storage-core'
import { TABLE_OPTION_NAMES, type TableOptions } from '../entities/tables.js'

/** How triggers are installed. */
export interface TriggerOptions extends TableOptions {
  /**
   * On PostgreSQL: commits that recorded something wake those who listen. `false` leaves that out, or removes it, for
   * all triggers of this `tablePrefix`: changes are then found by polling. Default: true.
   */
  readonly notify?: boolean | undefined
}

export const TRIGGER_OPTION_NAMES: NamesOf<TriggerOptions> = Object.freeze({
  ...TABLE_OPTION_NAMES,
  notify: true,
})

/** Throws a `TypeError` for anything but a boolean. */
export function notifyOf({ notify = true }: TriggerOptions): boolean {
  if (typeof notify !== 'boolean') throw new TypeError(`notify must be a boolean, not ${typeof notify}`)
  return notify
}
