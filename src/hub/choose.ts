// Which files of a repository a name means: one GGUF model with all its parts, or a checkpoint of safetensors with what belongs to it.
import { SourceError } from '../errors.ts'
import type { HubName } from './name.ts'

export interface Choice<File> {
  readonly files: readonly File[]
  /** The path of the one of them that the model is opened by. */
  readonly model: string
}

/** What is taken where nothing is asked for, as by llama.cpp; then the first by name. */
const PREFERRED = ['Q4_K_M', 'Q8_0']

/** Files of a checkpoint beside its weights, and of llama2.c's models. */
const COMPANIONS: ReadonlySet<string> = new Set([
  ...['config.json', 'generation_config.json', 'tokenizer.json', 'tokenizer.model', 'tokenizer_config.json'],
  ...['special_tokens_map.json', 'added_tokens.json', 'vocab.json', 'merges.txt', 'tokenizer.bin'],
  ...['chat_template.jinja', 'chat_template.json'],
])

/** In names of GGUF files that are parts of a model, drafts for one or notes on one; llama.cpp passes over the same. */
const NO_MODEL = /mmproj|imatrix|mtp-|eagle3-|dflash-|dspark-/i

/** Names of the indexes of split checkpoints end so. */
const INDEX = '.safetensors.index.json'

/** Most names in a message. */
const MOST_NAMES = 40

/** A file, or all parts of a split one. */
interface Whole<File> {
  /** Of the first part. */
  readonly path: string
  readonly files: readonly File[]
  /** How many there should be. */
  readonly parts: number
}

/** Throws a SourceError that says what there is if the name fits nothing, or several models. */
export function chooseFiles<File extends { readonly path: string }>(
  name: HubName,
  files: readonly File[],
): Choice<File> {
  const wholes = joinParts(files)
  const models = wholes.filter(({ path }) => isGguf(path) && !NO_MODEL.test(baseName(path)))
  const { wanted } = name
  const named = wanted === undefined ? undefined : wholes.find(whole => holds(whole, wanted))
  if (named && !isGguf(named.path))
    return checkpoint(name, files, (named.path.endsWith(INDEX) && mainWeights(wholes, named.path)) || named)
  const chosen = named ?? (wanted === undefined ? preferred(models) : oneOf(name, models, wanted))
  if (chosen) return { files: complete(name, chosen), model: chosen.path }
  const weights = wanted === undefined ? mainWeights(wholes) : undefined
  if (weights) return checkpoint(name, files, weights)
  throw new SourceError(name.text, `expected ${expected(wanted)}, found ${describe(models, files)}`)
}

/** The label that names of GGUF files end with: `Q4_K_M`, `UD-IQ2_XXS`, `BF16`; undefined if there is none. */
export function quantOf(path: string): string | undefined {
  const stem = baseName(path)
    .replace(/\.gguf$/i, '')
    .replace(/-\d{5}-of-\d{5}$/, '')
  return /(?:^|[-._])((?:UD-)?(?:I?Q\d\w*|TQ\d_\d|MXFP4\w*|NVFP4|BF16|FP?16|FP?32))$/i.exec(stem)?.[1]
}

function joinParts<File extends { readonly path: string }>(files: readonly File[]): Whole<File>[] {
  const found = new Map<string, { path: string; files: File[]; parts: number }>()
  for (const file of [...files].sort((a, b) => (a.path < b.path ? -1 : 1))) {
    const [, stem, parts, extension] = /^(.*)-\d{5}-of-(\d{5})(\.gguf|\.safetensors)$/is.exec(file.path) ?? []
    const key = stem === undefined ? file.path : `${stem}-of-${parts}${extension}`
    const whole = found.get(key)
    if (whole) whole.files.push(file)
    else found.set(key, { path: file.path, files: [file], parts: Number(parts ?? 1) })
  }
  return [...found.values()]
}

/** Whether it is the file that is asked for, by its path or by its name alone, or has it among its parts. */
function holds<File extends { readonly path: string }>(whole: Whole<File>, wanted: string): boolean {
  return whole.files.some(({ path }) => path === wanted || baseName(path) === wanted)
}

function complete<File>(name: HubName, { path, files, parts }: Whole<File>): readonly File[] {
  if (files.length === parts) return files
  throw new SourceError(name.text, `expected all ${parts} parts of ${path}, found ${files.length}`)
}

function preferred<File>(models: readonly Whole<File>[]): Whole<File> | undefined {
  for (const label of PREFERRED) {
    const [first] = labelled(models, label)
    if (first) return first
  }
  return models[0]
}

function oneOf<File>(name: HubName, models: readonly Whole<File>[], label: string): Whole<File> | undefined {
  const found = labelled(models, label)
  if (found.length <= 1) return found[0]
  throw new SourceError(
    name.text,
    `expected one model with ${label} in its name, found ${list(found.map(({ path }) => path))}`,
  )
}

/** Models with this label; without any, those that have it elsewhere in their path, as a word of its own. */
function labelled<File>(models: readonly Whole<File>[], label: string): readonly Whole<File>[] {
  const wanted = label.toUpperCase()
  const exact = models.filter(({ path }) => quantOf(path)?.toUpperCase() === wanted)
  if (exact.length > 0) return exact
  return models.filter(({ path }) => {
    const text = path.toUpperCase()
    for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + 1))
      if (isBorder(text[at - 1], '-._/') && isBorder(text[at + wanted.length], '-./')) return true
    return false
  })
}

function isBorder(character: string | undefined, borders: string): boolean {
  return character === undefined || borders.includes(character)
}

/** The weights that transformers would load, of those in the same folder as a file. */
function mainWeights<File>(wholes: readonly Whole<File>[], beside = ''): Whole<File> | undefined {
  const folder = folderOf(beside)
  const weights = wholes.filter(({ path }) => folderOf(path) === folder && path.endsWith('.safetensors'))
  return (
    weights.find(({ path, parts }) => parts > 1 && baseName(path).startsWith('model')) ??
    weights.find(({ path }) => baseName(path) === 'model.safetensors') ??
    (weights.length === 1 ? weights[0] : undefined)
  )
}

/** Weights that are no GGUF, with the files of their folder that say what they are. */
function checkpoint<File extends { readonly path: string }>(
  name: HubName,
  files: readonly File[],
  weights: Whole<File>,
): Choice<File> {
  const folder = folderOf(weights.path)
  const index = `${folder}model${INDEX}`
  const beside = files.filter(
    ({ path }) =>
      path !== weights.path &&
      folderOf(path) === folder &&
      (COMPANIONS.has(baseName(path)) || (weights.parts > 1 && path === index)),
  )
  const chosen = complete(name, weights)
  const model = beside.some(({ path }) => path === index) ? index : weights.path
  return { files: [...beside, ...chosen], model }
}

function expected(wanted: string | undefined): string {
  return wanted === undefined ? 'a GGUF file or model.safetensors' : `the file or quant ${wanted}`
}

function describe<File extends { readonly path: string }>(
  models: readonly Whole<File>[],
  files: readonly File[],
): string {
  if (models.length > 0) return list(models.map(({ path }) => quantOf(path) ?? path))
  return list(files.map(({ path }) => path))
}

function list(names: readonly string[]): string {
  const all = [...new Set(names)]
  if (all.length === 0) return 'no files'
  const more = all.length > MOST_NAMES ? ` and ${all.length - MOST_NAMES} more` : ''
  return `${all.slice(0, MOST_NAMES).join(', ')}${more}`
}

function isGguf(path: string): boolean {
  return /\.gguf$/i.test(path)
}

/** With the slash at its end; empty for the repository's own. */
function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1)
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
