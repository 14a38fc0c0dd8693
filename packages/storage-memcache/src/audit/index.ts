/** Comparison of the cache with the storage behind it. */

export { type AuditOptions, auditParts } from './audit.js'
export type { Auditable } from './auditable.js'
export type {
  AuditProgress,
  AuditReport,
  Disagreement,
  DisagreementKind,
  ListingAuditReport,
} from './report.js'
