// Tensors of a checkpoint by GGUF's names: renamed, experts' matrices taken together, and what GGUF has in another way computed.
import { ModelFormatError, UnsupportedModelError } from '../../errors.ts'
import type { QuantName } from '../../quant/quants.ts'
import { quote } from '../gguf/cursor.ts'
import { type Family, ignored, type Names, textName } from '../hf-names.ts'
import type { TensorInfo } from '../model-file.ts'
import { onePlus, stacked } from './computed.ts'
import type { ModelConfig } from './config.ts'
import type { StoredTensor } from './header.ts'

/** Types whose values lie as `src/quant` has them. */
const types: Readonly<Record<string, QuantName>> = { F32: 'F32', F16: 'F16', BF16: 'BF16' }

/** Where a tensor of a checkpoint goes. */
interface Target {
  /** GGUF's name. */
  readonly name: string
  readonly expert: number | undefined
}

/** GGUF's name of a checkpoint's tensor; undefined if the family has none like it. */
export function ggufName({ layer, shared }: Family, theirs: string): Target | undefined {
  const [, block, rest] = /^model\.layers\.(\d{1,4})\.(.+)$/s.exec(theirs) ?? []
  const [, expert] = /\.experts\.(\d{1,5})\./.exec(rest ?? '') ?? []
  const generic = (rest ?? theirs).replace(/\.experts\.\d{1,5}\./, '.experts.*.')
  const found = lookUp(block === undefined ? shared : layer, generic)
  if (found === undefined) return undefined
  return {
    name: block === undefined ? found : `blk.${Number(block)}.${found}`,
    expert: expert === undefined ? undefined : Number(expert),
  }
}

function lookUp(names: Names, theirs: string): string | undefined {
  if (Object.hasOwn(names, theirs)) return names[theirs]
  const [, stem, kind] = /^(.+)\.(weight|bias)$/s.exec(theirs) ?? []
  return stem !== undefined && Object.hasOwn(names, stem) ? `${names[stem]}.${kind}` : undefined
}

/** What a checkpoint calls a tensor of GGUF, experts' with `*` for their number; undefined if it has none like it. */
export function hfName({ layer, shared }: Family, ours: string): string | undefined {
  const [, block, rest] = /^blk\.(\d{1,4})\.(.+)$/s.exec(ours) ?? []
  const names = Object.entries(block === undefined ? shared : layer)
  const wanted = rest ?? ours
  const [, stem, kind] = /^(.+)\.(weight|bias)$/s.exec(wanted) ?? []
  const whole = names.find(([, name]) => name === wanted)?.[0]
  const found = names.find(([, name]) => name === stem)?.[0]
  const theirs = whole ?? (found && `${found}.${kind}`)
  return theirs && (block === undefined ? theirs : `model.layers.${block}.${theirs}`)
}

/** Throws an UnsupportedModelError for a tensor or a type that torchless does not know. */
export function namedTensors(
  stored: Iterable<StoredTensor>,
  config: ModelConfig,
  file: string,
): Map<string, TensorInfo> {
  const { family, layers, extraLayers, tied } = config
  const tensors = new Map<string, TensorInfo>()
  const experts = new Map<string, TensorInfo[]>()
  const put = (tensor: TensorInfo) => {
    if (tensors.has(tensor.name))
      throw new ModelFormatError({ file, field: `tensor ${tensor.name}`, expected: 'one', found: 'two' })
    tensors.set(
      tensor.name,
      family.normsFromOne && /norm\.weight$/.test(tensor.name) ? onePlus(tensor) : tensor,
    )
  }
  for (const tensor of stored) {
    const theirs = textName(tensor.name)
    if (ignored.test(tensor.name) || ignored.test(theirs)) continue
    const [, block] = /^model\.layers\.(\d{1,5})\./.exec(theirs) ?? []
    if (Number(block) >= layers && Number(block) < layers + extraLayers) continue
    if (tied && theirs.startsWith('lm_head.')) continue
    const target = ggufName(family, theirs)
    if (!target)
      throw new UnsupportedModelError(
        `${file}: tensor ${quote(tensor.name)}: expected one that a ${family.modelType} model has`,
      )
    const { name, expert } = target
    const found = plain(tensor, name)
    if (expert === undefined) put(found)
    else {
      const slices = experts.get(name) ?? []
      experts.set(name, slices)
      if (expert >= config.experts)
        throw new ModelFormatError({
          ...{ file, field: `tensor ${quote(tensor.name)}` },
          ...{ expected: `one of ${config.experts} experts`, found: `${expert}` },
        })
      slices[expert] = found
    }
  }
  for (const [name, slices] of experts) put(together(name, slices, config.experts, file))
  for (const tensor of config.tensors) put(tensor)
  return tensors
}

function plain(
  { name: theirs, dtype, shape, source, offset, bytes }: StoredTensor,
  name: string,
): TensorInfo {
  const type = Object.hasOwn(types, dtype) ? types[dtype] : undefined
  if (type === undefined)
    throw new UnsupportedModelError(
      `${source.name}: tensor ${quote(theirs)}: expected one of ${Object.keys(types).join(', ')}, found ${dtype}`,
    )
  if (shape.length === 0 || shape.includes(0))
    throw new ModelFormatError({
      ...{ file: source.name, field: `tensor ${quote(theirs)}` },
      ...{ expected: 'a shape of sizes from 1', found: `[${shape.join(', ')}]` },
    })
  return { name, type, shape, source, offset, bytes }
}

function together(name: string, slices: readonly TensorInfo[], count: number, file: string): TensorInfo {
  const [first] = slices
  for (let i = 0; i < count; i++) {
    const slice = slices[i]
    if (!first || !slice || slice.type !== first.type || `${slice.shape}` !== `${first.shape}`)
      throw new ModelFormatError({
        file,
        field: `tensor ${name}, expert ${i}`,
        expected: first ? `${first.type} [${first.shape.join(', ')}], as expert 0` : 'one',
        found: slice ? `${slice.type} [${slice.shape.join(', ')}]` : 'nothing',
      })
  }
  return stacked(name, slices as [TensorInfo, ...TensorInfo[]])
}
