// Adds up vitest's JSON reports, and names what failed or was skipped. Usage: count.ts STEPS_FAILED REPORT...
// With TORCHLESS_ORACLE set every part is there, so that a skipped test is a failure.
import { existsSync, readFileSync } from 'node:fs'

interface Report {
  readonly testResults: readonly {
    readonly status: string
    readonly name: string
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[]
  }[]
}

const [stepsFailed, ...paths] = process.argv.slice(2)
const complete = process.env.TORCHLESS_ORACLE !== undefined
/** What root cannot test: permissions do not bind it. */
const expected = (name: string) => process.getuid?.() === 0 && name.includes('not for root')
const counts = { passed: 0, failed: Number(stepsFailed), skipped: 0 }

for (const path of paths.filter(path => existsSync(path))) {
  const report = JSON.parse(readFileSync(path, 'utf8')) as Report
  for (const file of report.testResults) {
    if (file.assertionResults.length === 0 && file.status === 'failed') {
      counts.failed++
      console.log(`failed: ${file.name}`)
    }
    for (const { status, fullName } of file.assertionResults) {
      if (status === 'passed') counts.passed++
      else if (status === 'failed') {
        counts.failed++
        console.log(`failed: ${fullName}`)
      } else {
        counts.skipped++
        const unexpected = complete && !expected(fullName)
        if (unexpected) counts.failed++
        console.log(`skipped${unexpected ? ', unexpectedly' : ''}: ${fullName}`)
      }
    }
  }
}

console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
process.exit(counts.failed === 0 && counts.passed > 0 ? 0 : 1)
