// What the model is told of edits that cannot be made, so that it sends better ones.
import type { RejectedEdit } from './edit-plan.ts'

/** `problems`: what began like an edit and was none. `taken`: paths whose edits are fine. */
export function repairRequest(
  rejected: readonly RejectedEdit[],
  problems: readonly string[],
  taken: readonly string[],
): string {
  const parts = ['Some edits could not be used:']
  for (const { path, line, reason, nearest } of rejected) {
    parts.push(`- ${path}, the edit in line ${line} of your reply: ${reason}.`)
    if (nearest) parts.push(`  The file has, with line numbers:\n${nearest}`)
  }
  for (const problem of problems) parts.push(`- ${problem}.`)
  // All edits of a file are made or none.
  const files = [...new Set(rejected.map(({ path }) => path))]
  if (files.length > 0)
    parts.push(`No edit of ${files.join(', ')} was made; send all edits of it again, corrected.`)
  if (taken.length > 0) parts.push(`The edits of ${taken.join(', ')} were taken; do not send them again.`)
  return parts.join('\n')
}
