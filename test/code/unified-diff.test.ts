// Diffs that other tools read, for any two texts.
import { applyPatch } from 'diff'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { unifiedDiff } from '../../src/code/unified-diff.ts'

const text = (before: string | undefined, after: string | undefined) =>
  `${unifiedDiff('src/a.ts', before, after)
    .lines.map(({ text }) => text)
    .join('\n')}\n`

test('three lines around each change, and how many lines changed', () => {
  const lines = Array.from({ length: 12 }, (_, i) => `${i + 1}\n`)
  const before = lines.join('')
  const after = lines.with(5, 'six\n').join('')
  const diff = unifiedDiff('src/a.ts', before, after)
  expect(text(before, after)).toBe(
    '--- a/src/a.ts\n+++ b/src/a.ts\n@@ -3,7 +3,7 @@\n 3\n 4\n 5\n-6\n+six\n 7\n 8\n 9\n',
  )
  expect([diff.added, diff.removed]).toEqual([1, 1])
  expect(diff.lines.map(({ kind }) => kind)).toEqual([
    ...['header', 'header', 'range', 'same', 'same', 'same'],
    ...['removed', 'added', 'same', 'same', 'same'],
  ])
})

test('files that come and go', () => {
  expect(text(undefined, 'a\n')).toBe('--- /dev/null\n+++ b/src/a.ts\n@@ -0,0 +1,1 @@\n+a\n')
  expect(text('a\n', undefined)).toBe('--- a/src/a.ts\n+++ /dev/null\n@@ -1,1 +0,0 @@\n-a\n')
})

test('a diff applied to the old text gives the new one', () => {
  const content = fc
    .array(fc.tuple(fc.constantFrom('a', 'b', '', '+x', '-y', '\\ z'), fc.constantFrom('\n', '\r\n')), {
      maxLength: 8,
    })
    .chain(lines =>
      fc.boolean().map(open => {
        const all = lines.map(([line, ending]) => line + ending).join('')
        return open ? `${all}end` : all
      }),
    )
  fc.assert(
    fc.property(content, content, (before, after) => {
      fc.pre(before !== after)
      expect(applyPatch(before, text(before, after), { autoConvertLineEndings: false })).toBe(after)
    }),
    { seed: 4, numRuns: 1000 },
  )
})
