// HuggingFace's checkpoints, as other folders see them: a safetensors file, or the index of several, becomes a ModelFile with the
// config.json and the tokenizer that lie beside it.
import { ModelFormatError } from '../errors.ts'
import type { Source } from '../io/source.ts'
import { Json } from '../tokenizer/json.ts'
import { quote } from './gguf/cursor.ts'
import { storedValues } from './gguf/values.ts'
import type { Neighbours } from './llama2c.ts'
import type { ModelFile } from './model-file.ts'
import { type Neighbour, neighbour, type OptionalReader, optionalReader } from './safetensors/beside.ts'
import { readConfig } from './safetensors/config.ts'
import { readStored, type StoredTensor } from './safetensors/header.ts'
import { namedTensors } from './safetensors/names.ts'
import { readCheckpointTokenizer } from './safetensors/tokenizer.ts'

export { asGguf } from './safetensors/gguf.ts'
export { looksSafetensors } from './safetensors/header.ts'
export { type CheckpointFile, checkpointFiles } from './safetensors/write.ts'

/** Names of the files of a checkpoint. */
const [INDEX, CONFIG] = ['model.safetensors.index.json', 'config.json']
const WEIGHTS = 'model.safetensors'

/** Whether a file that starts like this is an index: JSON, whose first key is `metadata` or `weight_map`. */
export function looksIndex(start: Uint8Array): boolean {
  return /^\s*\{\s*"(?:metadata|weight_map)"\s*:/.test(new TextDecoder('latin1').decode(start))
}

/** Of the files of a folder, the one that the model is opened by; undefined if there is none. */
export function checkpointIn(names: readonly string[]): string | undefined {
  const known = [INDEX, WEIGHTS].find(name => names.includes(name))
  const others = names.filter(name => name.endsWith('.safetensors'))
  return known ?? (others.length === 1 ? others[0] : undefined)
}

/**
 * Reads a checkpoint by one of its weight files or by its index; tensors stay where they are. Throws a ModelFormatError if
 * anything is malformed or missing, an UnsupportedModelError if it is none that torchless knows. Closing the answer closes
 * `source`; after an error it is still the caller's to close.
 */
export async function openSafetensors(source: Source, beside: Neighbours): Promise<ModelFile> {
  const opened: Source[] = []
  const open = async (name: string) => {
    const neighbour = await beside.open(name)
    opened.push(neighbour)
    return neighbour
  }
  const optional = optionalReader(beside)
  try {
    const index = await indexOf(source, optional)
    const shards = index ? await openShards(index, source, open) : [source]
    const stored = await storedIn(shards, index)
    const config = await optional(CONFIG)
    if (!config)
      throw new ModelFormatError({
        ...{ file: source.name, field: CONFIG },
        ...{ expected: 'the file beside the weights', found: 'none' },
      })
    const json = new Json(config.json(), config.name)
    const model = readConfig(json)
    const { files, keys } = await readCheckpointTokenizer(optional, json)
    const values = storedValues({ ...model.metadata, ...keys })
    return {
      format: 'safetensors',
      sources: shards,
      ...values,
      tensors: await namedTensors(stored.values(), model, source.name),
      ...(files && { tokenizer: files }),
      close: async () => {
        await Promise.all([source, ...opened].map(each => each.close()))
      },
    }
  } catch (error) {
    await Promise.all(opened.map(each => each.close()))
    throw error
  }
}

interface Index {
  readonly file: string
  /** Names of files by tensor. */
  readonly places: ReadonlyMap<string, string>
}

/** The index that `source` is, or that lies beside it and names it. */
async function indexOf(source: Source, optional: OptionalReader): Promise<Index | undefined> {
  const start = await source.read(0, Math.min(source.size, 64))
  if (looksIndex(start)) return readIndex(await neighbour(source))
  const found = await optional(INDEX!)
  const index = found && readIndex(found)
  return index && [...index.places.values()].includes(fileName(source)) ? index : undefined
}

/** Without folders, and without what follows the name in a URL. */
function fileName({ name }: Source): string {
  return name.replace(/[?#].*$/s, '').replace(/^.*[/\\]/s, '')
}

function readIndex(file: Neighbour): Index {
  const map = new Json(file.json(), file.name).get('weight_map')
  const places = new Map<string, string>()
  for (const [tensor] of map.entries()) {
    const place = map.get(tensor).text()
    if (!/^[^/\\\0]+\.safetensors$/.test(place))
      map.get(tensor).fail('the name of a safetensors file beside it')
    places.set(tensor, place)
  }
  if (places.size === 0) map.fail('a file for each tensor', 'none')
  return { file: file.name, places }
}

/** The files that an index names, `source` among them where it is one. */
async function openShards(
  { places }: Index,
  source: Source,
  open: (name: string) => Promise<Source>,
): Promise<Source[]> {
  const shards: Source[] = []
  for (const name of new Set(places.values()))
    shards.push(fileName(source) === name ? source : await open(name))
  return shards
}

/** All tensors of all files; each lies in one, and in the one that the index says. */
async function storedIn(
  shards: readonly Source[],
  index: Index | undefined,
): Promise<Map<string, StoredTensor>> {
  const all = new Map<string, StoredTensor>()
  for (const shard of shards)
    for (const [name, tensor] of await readStored(shard)) {
      if (all.has(name))
        throw new ModelFormatError({
          ...{ file: shard.name, field: `tensor ${quote(name)}` },
          ...{ expected: 'one', found: `another one in ${all.get(name)!.source.name}` },
        })
      all.set(name, tensor)
    }
  for (const [name, place] of index?.places ?? []) {
    const found = all.get(name)?.source
    if (!found || fileName(found) !== place)
      throw new ModelFormatError({
        ...{ file: index!.file, field: `weight_map ${quote(name)}` },
        ...{ expected: `the tensor in ${place}`, found: found?.name ?? 'no such tensor' },
      })
  }
  return all
}
