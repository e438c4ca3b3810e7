// The CPU backend on every level that this machine can run, through the command: models of the oracle and the story.
import { expect, it } from 'vitest'
import { nativeLibrary } from '../../src/ffi/library.ts'
import { torchless } from '../support/command.ts'
import type { GoldenLogits } from '../support/golden.ts'
import { nmse } from '../support/numbers.ts'
import {
  architectures,
  describeOracle,
  oracleJson,
  oraclePath,
  quantized,
  quantizedLimit,
} from '../support/oracle.ts'

const { runnable } = await nativeLibrary()

async function error(
  level: string,
  path: string,
  { tokens, positions, logits, max_seq_len = 0 }: GoldenLogits,
): Promise<number> {
  const context = max_seq_len > 0 ? ['--max-seq-len', String(max_seq_len)] : []
  const flags = [
    '--tokens',
    tokens.join(','),
    '--all',
    '--json',
    '--kv-dtype',
    'f32',
    '--backend',
    'cpu',
    ...context,
  ]
  const found = JSON.parse(
    (await torchless(['logits', path, ...flags], { env: { TORCHLESS_CPU: level } })).out,
  ) as { logits: number[][] }
  return nmse(
    positions.flatMap(position => found.logits[position]!),
    logits.flat(),
  )
}

describeOracle.each(runnable)('cpu at level %s', level => {
  it.each(architectures)('%s', async name => {
    const golden = oracleJson<GoldenLogits>('architectures', `${name}.json`)
    const path = oraclePath('architectures', `${name}.f16.gguf`)
    expect(await error(level, path, golden)).toBeLessThanOrEqual(1e-6)
  })

  it.each(quantized)('%s', async name => {
    const golden = oracleJson<GoldenLogits>('quants', `${name}.json`)
    expect(await error(level, oraclePath('quants', `${name}.gguf`), golden)).toBeLessThanOrEqual(
      quantizedLimit(name),
    )
  })

  it('tells the story', async () => {
    const golden = oracleJson<{ published_greedy_200_steps: { text: string } }>(
      'trained',
      'stories260K.golden.json',
    )
    const flags = ['--temperature', '0', '--max-tokens', '196', '--quiet', '--backend', 'cpu']
    const { out } = await torchless(
      [oraclePath('trained', 'stories260K.gguf'), 'Once upon a time', ...flags],
      { env: { TORCHLESS_CPU: level } },
    )
    expect(out.trimEnd()).toBe(golden.published_greedy_200_steps.text.trimEnd())
  })
})
