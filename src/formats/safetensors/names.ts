// Tensors of a checkpoint by GGUF's names: renamed, experts' matrices taken together, and what GGUF has in another way computed.
import { ModelFormatError, UnsupportedModelError } from '../../errors.ts'
import type { QuantName } from '../../quant/quants.ts'
import { quote } from '../gguf/cursor.ts'
import { type Family, ignored, type Names, textName } from '../hf-names.ts'
import type { TensorInfo } from '../model-file.ts'
import { onePlus, stacked } from './computed.ts'
import type { ModelConfig } from './config.ts'
import type { StoredTensor } from './header.ts'
import { companions, isQuantized, quantizedTensor } from './quantized.ts'

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

/** Throws an UnsupportedModelError for a tensor or a type that torchless does not know, a ModelFormatError where parts do not fit. */
export async function namedTensors(
  stored: Iterable<StoredTensor>,
  config: ModelConfig,
  file: string,
): Promise<Map<string, TensorInfo>> {
  const { family } = config
  const tensors = new Map<string, TensorInfo>()
  const experts = new Map<string, TensorInfo[]>()
  const put = (tensor: TensorInfo) => {
    if (tensors.has(tensor.name))
      throw new ModelFormatError({ file, field: `tensor ${tensor.name}`, expected: 'one', found: 'two' })
    const fromOne = family.normsFromOne && /norm\.weight$/.test(tensor.name)
    tensors.set(tensor.name, fromOne ? onePlus(tensor) : tensor)
  }
  for (const [stem, parts] of partsByStem(stored, config)) {
    const together = companions(parts)
    for (const [part, tensor] of parts) {
      if (together.includes(part)) continue
      const target = ggufName(family, stem + (part === 'qweight' ? '.weight' : `.${part}`))
      if (!target)
        throw new UnsupportedModelError(
          `${file}: tensor ${quote(tensor.name)}: expected one that a ${family.modelType} model has`,
        )
      const { name, expert } = target
      const found = isQuantized(tensor)
        ? await quantizedTensor(parts, name, config.quantization)
        : plain(tensor, name)
      if (expert === undefined) put(found)
      else putExpert(experts, found, expert, config, tensor)
    }
  }
  for (const [name, slices] of experts) put(together(name, slices, config.experts, file))
  for (const tensor of config.tensors) put(tensor)
  return tensors
}

/** What torchless computes with: by the name without its last part, tensors by that part. */
function partsByStem(
  stored: Iterable<StoredTensor>,
  { layers, extraLayers, tied }: ModelConfig,
): Map<string, Map<string, StoredTensor>> {
  const all = new Map<string, Map<string, StoredTensor>>()
  for (const tensor of stored) {
    const name = textName(tensor.name)
    if (ignored.test(tensor.name) || ignored.test(name)) continue
    const [, block] = /^model\.layers\.(\d{1,5})\./.exec(name) ?? []
    if (Number(block) >= layers && Number(block) < layers + extraLayers) continue
    if (tied && name.startsWith('lm_head.')) continue
    const dot = name.lastIndexOf('.')
    const stem = name.slice(0, Math.max(0, dot))
    const parts = all.get(stem) ?? new Map<string, StoredTensor>()
    const part = name.slice(dot + 1)
    if (parts.has(part))
      throw new ModelFormatError({
        ...{ file: tensor.source.name, field: `tensor ${quote(tensor.name)}` },
        ...{ expected: 'one', found: `${quote(parts.get(part)!.name)}, too` },
      })
    all.set(stem, parts.set(part, tensor))
  }
  return all
}

function putExpert(
  experts: Map<string, TensorInfo[]>,
  found: TensorInfo,
  expert: number,
  config: ModelConfig,
  { name, source }: StoredTensor,
): void {
  if (expert >= config.experts)
    throw new ModelFormatError({
      ...{ file: source.name, field: `tensor ${quote(name)}` },
      ...{ expected: `one of ${config.experts} experts`, found: `${expert}` },
    })
  const slices = experts.get(found.name) ?? []
  slices[expert] = found
  experts.set(found.name, slices)
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
