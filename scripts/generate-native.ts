// Writes native/decode.gen.h: the decoding of every block format as C++, for kernels that have none of their own.
//
//   npx tsx scripts/generate-native.ts
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cPrelude, cSource, cTables, cWordSource } from '../src/quant/c.ts'
import { wordLayouts } from '../src/quant/packed.ts'
import { quants } from '../src/quant/quants.ts'

/** What native/decode.gen.h is to hold; a test compares. */
export function decodeHeader(): string {
  const formats = Object.values(quants)
  const layouts = Object.values(wordLayouts)
  return `// Made by scripts/generate-native.ts from src/quant. Do not edit.
#pragma once
${cPrelude}
${cTables(formats, layouts)}
${formats.map(cSource).join('\n')}
${layouts.map(cWordSource).join('\n')}
/** X(name, values in a block, bytes of a block) for each format. */
#define TL_FOR_EACH_FORMAT(X) \\
${formats.map(({ name, elems, bytes }) => `  X(${name}, ${elems}, ${bytes})`).join(' \\\n')}

/** X(name, rows in a word, columns in a word) for each layout of words. */
#define TL_FOR_EACH_WORD_LAYOUT(X) \\
${layouts.map(({ name, rows, columns }) => `  X(${name}, ${rows}, ${columns})`).join(' \\\n')}
`
}

if (import.meta.filename === process.argv[1])
  writeFileSync(join(import.meta.dirname, '../native/decode.gen.h'), decodeHeader())
