import { booleanOption, optionTable, type OptionsOf } from '@larder/storage-core/base'
import { TABLE_OPTIONS } from '../entities/index.js'

/** How triggers are installed. */
export const TRIGGER_OPTIONS = optionTable({
  ...TABLE_OPTIONS,
  /**
   * On PostgreSQL: commits that recorded something wake those who listen. `false` leaves that out, or removes it, for
   * all triggers of this `tablePrefix`: changes are then found by polling. Default: true.
   */
  notify: booleanOption(true),
})

/** How triggers are installed. */
export type TriggerOptions = OptionsOf<typeof TRIGGER_OPTIONS>
