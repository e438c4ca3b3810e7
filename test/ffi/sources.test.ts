// Which native sources are the same at several levels, by what they and their headers ask for.
import { expect, test } from 'vitest'
import { levelsOf } from '../../src/ffi/levels.ts'
import { compiledOf, hashOf, levelFor } from '../../src/ffi/sources.ts'

const sources = new Map([
  ['a.cpp', '#include <vector>\n#include "plain.h"\n'],
  ['attention_floats.cpp', '#include "vector.h"\n'],
  ['named.cpp', 'const char *level = TORCHLESS_LEVEL;\n'],
  ['plain.h', '#include "a.h"\n#include "plain.h"\n'],
  ['rounded.cpp', '# include "plain.h"\n#include "vector.h"\n#if defined(__AVX512BF16__)\n#endif\n'],
  [
    'vector.h',
    '#if defined(__AVX512F__)\n#elif defined(__AVX2__) || defined(__ARM_FEATURE_DOTPROD)\n#endif\n',
  ],
])

const levelsFor = (name: string, arch: string) =>
  levelsOf(arch).map((_, i, levels) => levelFor(name, levels.slice(0, i + 1), sources).name)

test('what asks for nothing is compiled once for all levels', () => {
  expect(levelsFor('a.cpp', 'x64')).toEqual(['portable', 'portable', 'portable', 'portable'])
  expect(levelsFor('a.cpp', 'riscv64')).toEqual(['portable'])
})

test('a source is compiled for the levels whose extensions it or a header of it asks for', () => {
  expect(levelsFor('attention_floats.cpp', 'x64')).toEqual(['portable', 'avx2', 'avx512', 'avx512'])
  expect(levelsFor('attention_floats.cpp', 'arm64')).toEqual(['portable', 'neon', 'neon'])
  expect(levelsFor('rounded.cpp', 'x64')).toEqual(['portable', 'avx2', 'avx512', 'avx512bf16'])
})

test('what names its level is compiled for each', () => {
  expect(levelsFor('named.cpp', 'arm64')).toEqual(['portable', 'neon', 'neon-i8mm'])
})

test('what takes longest to compile comes first', () => {
  expect(compiledOf(sources)).toEqual(['attention_floats.cpp', 'a.cpp', 'named.cpp', 'rounded.cpp'])
})

test('the hash changes with names and with texts', () => {
  const hashes = [
    sources,
    new Map([...sources, ['a.cpp', '']]),
    new Map([...sources, ['z.cpp', '']]),
    new Map([['ab', 'c']]),
    new Map([['a', 'bc']]),
  ].map(hashOf)
  expect(new Set(hashes).size).toBe(hashes.length)
})
