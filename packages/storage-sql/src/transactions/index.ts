/** Transactions of several calls, begun by the storage or by the program. */

export { BoundSource } from './bound-source.js'
export { OpenTransaction } from './open-transaction.js'
export { canRepeat, Transactions } from './transactions.js'
