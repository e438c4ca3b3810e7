// Writes src/tokenizer/unicode.gen.ts: the character classes that pre-tokenizers name, from one version of Unicode.
//
//   npm install --no-save @unicode/unicode-15.1.0 && npx tsx scripts/generate-unicode.ts
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** That of llama.cpp's tables. Later versions only give classes to what has none here. */
const VERSION = '15.1.0'

/** Class to the Unicode property that it is. Others are put together from these in src/tokenizer/unicode.ts. */
const CLASSES = {
  Lu: 'General_Category/Uppercase_Letter',
  Ll: 'General_Category/Lowercase_Letter',
  Lt: 'General_Category/Titlecase_Letter',
  Lm: 'General_Category/Modifier_Letter',
  Lo: 'General_Category/Other_Letter',
  Mn: 'General_Category/Nonspacing_Mark',
  Mc: 'General_Category/Spacing_Mark',
  Me: 'General_Category/Enclosing_Mark',
  Nd: 'General_Category/Decimal_Number',
  Nl: 'General_Category/Letter_Number',
  No: 'General_Category/Other_Number',
  Pc: 'General_Category/Connector_Punctuation',
  Pd: 'General_Category/Dash_Punctuation',
  Ps: 'General_Category/Open_Punctuation',
  Pe: 'General_Category/Close_Punctuation',
  Pi: 'General_Category/Initial_Punctuation',
  Pf: 'General_Category/Final_Punctuation',
  Po: 'General_Category/Other_Punctuation',
  Sm: 'General_Category/Math_Symbol',
  Sc: 'General_Category/Currency_Symbol',
  Sk: 'General_Category/Modifier_Symbol',
  So: 'General_Category/Other_Symbol',
  Zs: 'General_Category/Space_Separator',
  Zl: 'General_Category/Line_Separator',
  Zp: 'General_Category/Paragraph_Separator',
  Cc: 'General_Category/Control',
  Cf: 'General_Category/Format',
  Han: 'Script/Han',
  Hiragana: 'Script/Hiragana',
  Katakana: 'Script/Katakana',
  Hangul: 'Script/Hangul',
  Latin: 'Script/Latin',
  Greek: 'Script/Greek',
  Cyrillic: 'Script/Cyrillic',
  Arabic: 'Script/Arabic',
  Hebrew: 'Script/Hebrew',
  Devanagari: 'Script/Devanagari',
  Thai: 'Script/Thai',
  Lao: 'Script/Lao',
  Khmer: 'Script/Khmer',
  Myanmar: 'Script/Myanmar',
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
