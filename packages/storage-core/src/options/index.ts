/** Declarations of options, from which checks, defaults and the reference page come. */

export { durationOption, MAX_TIMER_MS, numberOption, type NumberRange, pauseOption } from './number-option.js'
export { describeValue, kindOf, noEffect, notAllowed, unknownOption, wrongType } from './option-errors.js'
export {
  booleanOption,
  choiceOption,
  functionOption,
  groupOption,
  listOption,
  nameOption,
  objectOption,
  required,
  signalOption,
  textOption,
  typedOption,
} from './option-kinds.js'
export {
  checkOptions,
  type Option,
  type OptionsOf,
  optionTable,
  type OptionTable,
  type Overrides,
  overridesOf,
  type RequiredOption,
  type ResolvedOptions,
  resolveOptions,
} from './option-table.js'
