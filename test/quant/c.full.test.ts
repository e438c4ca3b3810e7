// Compiles the printed C of every format and compares its values with those of JavaScript, bit by bit.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cPrelude, cSource, cTables } from '../../src/quant/c.ts'
import { decodeRows } from '../../src/quant/decode.ts'
import { type QuantName, quants } from '../../src/quant/quants.ts'
import { random, randomBlocks } from './random.ts'

const BLOCKS = 2000
const names = Object.keys(quants) as QuantName[]

const languages = [
  { language: 'C', file: 'decode.c', standard: '-std=c99', compilers: ['cc', 'gcc', 'clang'] },
  { language: 'C++', file: 'decode.cc', standard: '-std=c++17', compilers: ['c++', 'g++', 'clang++'] },
].map(({ compilers, ...rest }) => ({
  ...rest,
  compiler: compilers.find(name => spawnSync(name, ['--version']).status === 0),
}))

/** Decodes BLOCKS blocks of the format named by the first argument, from its input to its output. */
const source = `${cPrelude}
#include <stdio.h>
${cTables(Object.values(quants))}
${names.map(name => cSource(quants[name])).join('')}
static unsigned char blocks[${BLOCKS * 256}];
static float values[${BLOCKS * 256}];
int main(int count, char **arguments) {
  if (count != 2) return 1;
${names
  .map(name => {
    const { bytes, elems } = quants[name]
    return `  if (!strcmp(arguments[1], "${name}")) {
    if (fread(blocks, ${bytes}, ${BLOCKS}, stdin) != ${BLOCKS}) return 2;
    for (int i = 0; i < ${BLOCKS}; i++) decode_${name}(blocks + i * ${bytes}, values + i * ${elems});
    return fwrite(values, sizeof(float), ${BLOCKS * elems}, stdout) == ${BLOCKS * elems} ? 0 : 3;
  }`
  })
  .join('\n')}
  return 4;
}
`

for (const { language, file, standard, compiler } of languages)
  describe.skipIf(!compiler)(`${language} (needs a ${language} compiler)`, () => {
    let folder: string
    let program: string

    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'torchless-quant-'))
      program = join(folder, 'decode')
      writeFileSync(join(folder, file), source)
      const flags = [standard, '-O2', '-ffp-contract=off', '-Wall', '-Wextra', '-Werror']
      execFileSync(compiler!, [...flags, join(folder, file), '-o', program])
    })

    afterAll(() => rmSync(folder, { recursive: true }))

    test.each(names)('%s', name => {
      const bytes = randomBlocks(name, BLOCKS, random(5))
      const printed = execFileSync(program, [name], { input: bytes, maxBuffer: 1 << 24 })
      const values = new Float32Array(BLOCKS * quants[name].elems)
      decodeRows(name)(bytes, 0, values, 0, values.length)
      expect(Buffer.compare(printed, Buffer.from(values.buffer))).toBe(0)
    })
  })
