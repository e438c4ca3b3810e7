import { expect, it } from 'vitest'
import type { Result } from '../../../bench/cpu/result.ts'
import { aligned, report } from '../../../bench/cpu/table.ts'

const result: Result = {
  row: {
    ...{ group: 'Decode', name: 'decode Q4_0', shape: 'llama-1b', type: 'Q4_0', goal: 1 },
    ...{ kind: 'decode', tokens: 32, depth: 0, batch: 1, bandwidth: true },
  },
  torchless: { median: 45.26, min: 40, max: 120 },
  llama: { median: 150.2, min: 100, max: 200 },
  ratio: { median: 0.3, low: 0.25, high: 0.4 },
  machine: { read: 33.3e9, int8: 471e9 },
  share: 0.954,
  met: false,
  pairs: { kept: 7, dropped: 2, disturbed: 1 },
}
const heading = {
  ...{ date: '2026-01-01T00:00:00.000Z', processor: 'a processor', threads: 2, level: 'avx2' },
  ...{ torchless: '1.0', llama: 'llama.cpp 2.0' },
}

it('writes cells below each other', () => {
  expect(
    aligned([
      ['a', 'bbb', 'c'],
      ['aaa', 'b', ''],
    ]),
  ).toBe('a    bbb  c\naaa  b')
})

it('tells what was measured, on what, and against what goal', () => {
  const start: Result = {
    ...result,
    row: { ...result.row, group: 'Start', name: 'first token', kind: 'start', goal: 0.8 },
    share: undefined,
    met: true,
  }
  const [head, decode, startTable] = report(heading, [result, start]).split('\n\n')
  expect(head).toContain('torchless 1.0 (avx2) and llama.cpp 2.0')
  const cells = decode!.split('\n')[1]!.split(/ {2,}/)
  expect(cells).toEqual([
    'decode Q4_0',
    '45.3 (40.0 to 120.0)',
    '150 (100 to 200)',
    '0.30 (0.25 to 0.40)',
    '95 % of 33.3 GB/s',
    '≥ 1.00, 95 %',
    'NOT MET',
    '7, 2 (1 of the kept disturbed)',
  ])
  expect(startTable).toContain('torchless, ms')
  expect(startTable).toContain('≤ 0.80')
})
