// Writes src/tokenizer/unicode.gen.ts: the character classes that pre-tokenizers name, from one version of Unicode.
//
//   npm install --no-save @unicode/unicode-15.1.0 && npx tsx scripts/generate-unicode.ts
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** That of llama.cpp's tables. Later versions only give classes to what has none here. */
const VERSION = '15.1.0'

/** Class to the Unicode property that it is. */
const CLASSES = {
  Lu: 'General_Category/Uppercase_Letter',
  Ll: 'General_Category/Lowercase_Letter',
  Lt: 'General_Category/Titlecase_Letter',
  Lm: 'General_Category/Modifier_Letter',
  Lo: 'General_Category/Other_Letter',
  M: 'General_Category/Mark',
  N: 'General_Category/Number',
  P: 'General_Category/Punctuation',
  S: 'General_Category/Symbol',
  Han: 'Script/Han',
  White_Space: 'Binary_Property/White_Space',
}

interface Range {
  readonly begin: number
  readonly end: number
}

/** Numbers in base 36: how far behind the last range the next begins, how many code points it has, and so on. */
function packed(ranges: readonly Range[]): string {
  let last = 0
  const numbers = ranges.flatMap(({ begin, end }) => {
    const pair = [begin - last, end - begin]
    last = end
    return pair
  })
  return numbers.map(n => n.toString(36)).join(' ')
}

const entries: string[] = []
for (const [name, property] of Object.entries(CLASSES)) {
  const module = await import(`@unicode/unicode-${VERSION}/${property}/ranges.mjs`)
  entries.push(`  ${name}:\n    '${packed(module.default)}',`)
}
writeFileSync(
  join(import.meta.dirname, '../src/tokenizer/unicode.gen.ts'),
  `// Made by scripts/generate-unicode.ts from Unicode ${VERSION}. Do not edit.
/** Pairs of numbers in base 36: gap since the last range, length of the next. */
export const PACKED_CLASSES = {
${entries.join('\n')}
} as const
`,
)
