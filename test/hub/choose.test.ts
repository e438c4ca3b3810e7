// Which files of a repository a name means.
import { describe, expect, test } from 'vitest'
import { SourceError } from '../../src/errors.ts'
import { chooseFiles, quantOf } from '../../src/hub/choose.ts'
import { parseHubName } from '../../src/hub/name.ts'

const choose = (name: string, paths: readonly string[]) => {
  const { files, model } = chooseFiles(
    parseHubName(name),
    paths.map(path => ({ path })),
  )
  return { files: files.map(({ path }) => path).sort(), model }
}
const refusal = (name: string, paths: readonly string[]) => {
  try {
    return choose(name, paths)
  } catch (error) {
    expect(error).toBeInstanceOf(SourceError)
    return (error as Error).message
  }
}

// Names as those who quantize write them.
test.each([
  ['Llama-3.2-1B-Instruct-Q4_K_M.gguf', 'Q4_K_M'],
  ['mistral-7b-v0.1.Q5_0.gguf', 'Q5_0'],
  ['ggml-model-q4_0.gguf', 'q4_0'],
  ['model-IQ2_XXS.gguf', 'IQ2_XXS'],
  ['Qwen3-8B-UD-Q4_K_XL.gguf', 'UD-Q4_K_XL'],
  ['Phi-3-mini-4k-instruct-fp16.gguf', 'fp16'],
  ['Phi-3-mini-4k-instruct-q4.gguf', 'q4'],
  ['BF16/big-BF16-00001-of-00003.gguf', 'BF16'],
  ['gpt-oss-20b-mxfp4.gguf', 'mxfp4'],
  ['model-TQ1_0.gguf', 'TQ1_0'],
  ['gemma-2b.gguf', undefined],
])('the quant of %s', (path, quant) => {
  expect(quantOf(path)).toBe(quant)
})

describe('GGUF', () => {
  const quants = ['README.md', 'm-F16.gguf', 'm-IQ4_XS.gguf', 'm-Q4_K_M.gguf', 'm-Q4_K_S.gguf', 'm-Q8_0.gguf']

  test('the only one', () => {
    expect(
      choose('hf:o/r', ['x.gguf', 'mmproj-x-f16.gguf', 'x.imatrix.gguf', 'mtp-x.gguf', 'config.json']),
    ).toEqual({
      files: ['x.gguf'],
      model: 'x.gguf',
    })
  })

  test('Q4_K_M, then Q8_0, then the first', () => {
    expect(choose('hf:o/r', quants).model).toBe('m-Q4_K_M.gguf')
    expect(
      choose(
        'hf:o/r',
        quants.filter(path => !path.includes('Q4_K_M')),
      ).model,
    ).toBe('m-Q8_0.gguf')
    expect(choose('hf:o/r', ['b-Q2_K.gguf', 'a-Q3_K_S.gguf']).model).toBe('a-Q3_K_S.gguf')
  })

  test('by quant, whatever its case; by file name; by path', () => {
    expect(choose('hf:o/r:q8_0', quants).model).toBe('m-Q8_0.gguf')
    expect(choose('hf:o/r:iq4_xs', quants).model).toBe('m-IQ4_XS.gguf')
    expect(choose('hf:o/r:m-F16.gguf', quants).model).toBe('m-F16.gguf')
    expect(choose('hf:o/r:a/m.gguf', ['a/m.gguf', 'b/m.gguf']).model).toBe('a/m.gguf')
  })

  test('a whole label comes before a part of one', () => {
    const both = ['m-Q4_K_XL.gguf', 'm-UD-Q4_K_XL.gguf']
    expect(choose('hf:o/r:Q4_K_XL', both).model).toBe('m-Q4_K_XL.gguf')
    expect(choose('hf:o/r:ud-q4_k_xl', both).model).toBe('m-UD-Q4_K_XL.gguf')
    expect(choose('hf:o/r:Q4_K_XL', both.slice(1)).model).toBe('m-UD-Q4_K_XL.gguf')
    expect(choose('hf:o/r:Q4_K', ['m.Q4_K-imat.gguf', 'm-Q4_K_M.gguf']).model).toBe('m.Q4_K-imat.gguf')
  })

  test('all parts of a split one, by quant or by any of them', () => {
    const parts = [1, 2, 3].map(part => `BF16/m-BF16-0000${part}-of-00003.gguf`)
    const all = [...parts, 'm-Q8_0.gguf']
    for (const name of ['hf:o/r:BF16', `hf:o/r:${parts[1]}`])
      expect(choose(name, all)).toEqual({ files: parts, model: parts[0] })
    expect(refusal('hf:o/r:BF16', all.slice(1))).toBe(
      `hf:o/r:BF16: expected all 3 parts of ${parts[1]}, found 2`,
    )
  })

  test('what there is, where the name fits nothing or too much', () => {
    expect(refusal('hf:o/r:Q6_K', quants)).toBe(
      'hf:o/r:Q6_K: expected the file or quant Q6_K, found F16, IQ4_XS, Q4_K_M, Q4_K_S, Q8_0',
    )
    expect(refusal('hf:o/r:Q8_0', ['a-Q8_0.gguf', 'b-Q8_0.gguf'])).toBe(
      'hf:o/r:Q8_0: expected one model with Q8_0 in its name, found a-Q8_0.gguf, b-Q8_0.gguf',
    )
    expect(refusal('hf:o/r', ['README.md', 'pytorch_model.bin'])).toBe(
      'hf:o/r: expected a GGUF file or model.safetensors, found README.md, pytorch_model.bin',
    )
    expect(refusal('hf:o/r', [])).toBe('hf:o/r: expected a GGUF file or model.safetensors, found no files')
    const many = Array.from({ length: 50 }, (_, i) => `file${i}.txt`)
    expect(refusal('hf:o/r', many)).toMatch(/file0\.txt.* and 10 more$/)
  })
})

describe('safetensors', () => {
  const beside = ['config.json', 'generation_config.json', 'tokenizer.json', 'tokenizer_config.json']
  const others = [
    'README.md',
    'pytorch_model.bin',
    'onnx/model.onnx',
    'onnx/config.json',
    'flax_model.msgpack',
  ]

  test('one file, and what says what it is', () => {
    const wanted = [...beside, 'model.safetensors']
    expect(choose('hf:o/r', [...wanted, ...others, 'model.fp16.safetensors'])).toEqual({
      files: [...wanted].sort(),
      model: 'model.safetensors',
    })
  })

  test('all parts and their index, rather than the same again in one file', () => {
    const index = 'model.safetensors.index.json'
    const parts = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors']
    const wanted = [...beside, index, ...parts]
    for (const name of ['hf:o/r', `hf:o/r:${parts[1]}`, `hf:o/r:${index}`])
      expect(choose(name, [...wanted, ...others, 'consolidated.safetensors'])).toEqual({
        files: [...wanted].sort(),
        model: index,
      })
    expect(refusal('hf:o/r', [...beside, index, parts[0]!])).toBe(
      `hf:o/r: expected all 2 parts of ${parts[0]}, found 1`,
    )
  })

  test('GGUF comes first', () => {
    expect(choose('hf:o/r', ['model.safetensors', 'm.gguf']).model).toBe('m.gguf')
  })

  test('a file of a folder, with those beside it', () => {
    expect(choose('hf:o/r:small/m.bin', ['small/m.bin', 'small/tokenizer.bin', 'tokenizer.bin'])).toEqual({
      files: ['small/m.bin', 'small/tokenizer.bin'],
      model: 'small/m.bin',
    })
  })
})

test('a listing of the greatest length is chosen from at once', () => {
  const paths = Array.from({ length: 200_000 }, (_, i) => `q4_k_m-${'q4'.repeat(20)}-${i}.gguf`)
  const start = performance.now()
  expect(refusal('hf:o/r:Q4_K_Z', paths)).toMatch(/expected the file or quant/)
  expect(performance.now() - start).toBeLessThan(10_000)
})
