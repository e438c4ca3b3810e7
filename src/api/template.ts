// A model's chat template: messages become a prompt and its token ids, in which no message can forge special tokens.
import { type BuiltinName, builtinNames, builtinTemplate, detectBuiltin } from '../chat/builtin.ts'
import { ChatTemplate, type Message, type RenderOptions, type Segment } from '../chat/template.ts'
import { InvalidOptionError, ModelFormatError, UnsupportedModelError } from '../errors.ts'
import type { FormatName, Metadata } from '../formats/model-file.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import { type ModelLocation, openModelFile } from './open.ts'
import { noTokenizer, tokenizerOf } from './tokenizer.ts'

/** A rendered conversation. */
export interface Prompt {
  readonly text: string
  /** Begins with BOS where the model asks for it, whether or not the template writes it. */
  readonly tokens: readonly number[]
}

export interface TemplateOptions {
  /** A built-in format instead of what the file says; `builtinTemplates` lists them. */
  readonly name?: BuiltinName | undefined
  /** What to read the file as, where its content does not tell. */
  readonly format?: FormatName | undefined
}

/** Keys of the texts that templates know by these names. */
const SPECIAL_TOKENS = {
  bos_token: 'bos',
  eos_token: 'eos',
  unk_token: 'unknown',
  pad_token: 'padding',
} as const

/** The templates of one model: the default one, others by name (`tool_use`), or a built-in one. */
export class PromptTemplate {
  /** Jinja texts by name; the default one is called `default`. */
  readonly sources: ReadonlyMap<string, string>
  /** The built-in format that they come from; undefined where the file has its own. */
  readonly builtin: BuiltinName | undefined
  readonly #tokenizer: Tokenizer
  readonly #specialTokens: Readonly<Record<string, string>>
  readonly #compiled = new Map<string, ChatTemplate>()

  /** Made by `loadTemplate` and by models. */
  constructor(parts: {
    sources: ReadonlyMap<string, string>
    builtin: BuiltinName | undefined
    tokenizer: Tokenizer
    specialTokens: Readonly<Record<string, string>>
  }) {
    this.sources = parts.sources
    this.builtin = parts.builtin
    this.#tokenizer = parts.tokenizer
    this.#specialTokens = parts.specialTokens
  }

  /** The same model with a built-in format. Throws InvalidOptionError where there is none of that name. */
  withBuiltin(name: BuiltinName): PromptTemplate {
    return namedTemplate(name, this.#tokenizer, this.#specialTokens)
  }

  /**
   * The prompt for these messages: `template.render([{ role: 'user', content: 'Hello' }])`. With tools, the template
   * `tool_use` is taken where there is one. Throws TemplateError, with the template's own message where it refuses
   * the messages.
   */
  render(messages: readonly Message[], options: RenderOptions = {}): Prompt {
    const segments = this.#template(options).render(messages, options)
    return {
      text: segments.map(({ text }) => text).join(''),
      tokens: encodeSegments(this.#tokenizer, segments),
    }
  }

  #template({ tools }: RenderOptions): ChatTemplate {
    const name = tools && this.sources.has('tool_use') ? 'tool_use' : 'default'
    let template = this.#compiled.get(name)
    if (!template) {
      template = new ChatTemplate(this.sources.get(name)!, this.#specialTokens)
      this.#compiled.set(name, template)
    }
    return template
  }
}

/**
 * The chat template of a model file; needs no weights. Rejects with UnsupportedModelError where the file has neither
 * template nor tokenizer and no built-in format is known to fit.
 */
export async function loadTemplate(
  location: ModelLocation,
  options: TemplateOptions = {},
): Promise<PromptTemplate> {
  const file = await openModelFile(location, options.format)
  try {
    const { name } = file.sources[0]!
    const template = readTemplate(file.metadata, name, tokenizerOf(file) ?? noTokenizer(name), options)
    return template ?? noTemplate(name)
  } finally {
    await file.close()
  }
}

/** A built-in format with a model's tokens. Throws InvalidOptionError where there is none of that name. */
export function namedTemplate(
  name: BuiltinName,
  tokenizer: Tokenizer,
  specialTokens: Readonly<Record<string, string>>,
): PromptTemplate {
  return new PromptTemplate({ sources: builtinSources(name), builtin: name, tokenizer, specialTokens })
}

export function noTemplate(file: string): never {
  throw new UnsupportedModelError(
    `${file} has no chat template (tokenizer.chat_template), and its vocabulary fits no built-in one`,
  )
}

/** Undefined where the file has none and no built-in format is known to fit. Compiles nothing yet. */
export function readTemplate(
  metadata: Metadata,
  file: string,
  tokenizer: Tokenizer,
  { name }: TemplateOptions = {},
): PromptTemplate | undefined {
  const own = name === undefined ? ownSources(metadata, file) : new Map<string, string>()
  const builtin = own.has('default') ? undefined : (name ?? detect(metadata))
  const sources = builtin === undefined ? own : new Map([...own, ...builtinSources(builtin)])
  if (!sources.has('default')) return undefined
  return new PromptTemplate({
    sources,
    builtin,
    tokenizer,
    specialTokens: specialTokens(metadata, tokenizer),
  })
}

function builtinSources(name: BuiltinName): ReadonlyMap<string, string> {
  if (!builtinNames.includes(name))
    throw new InvalidOptionError(`template: expected one of ${builtinNames.join(', ')}, found ${name}`)
  return new Map([['default', builtinTemplate(name)]])
}

function ownSources(metadata: Metadata, file: string): Map<string, string> {
  const prefix = 'tokenizer.chat_template'
  const sources = new Map<string, string>()
  for (const [key, source] of metadata) {
    if (key !== prefix && !key.startsWith(`${prefix}.`)) continue
    if (typeof source !== 'string')
      throw new ModelFormatError({ file, field: key, expected: 'a text', found: typeof source })
    if (source !== '') sources.set(key === prefix ? 'default' : key.slice(prefix.length + 1), source)
  }
  return sources
}

function detect(metadata: Metadata): BuiltinName | undefined {
  const tokens = metadata.get('tokenizer.ggml.tokens')
  const architecture = String(metadata.get('general.architecture'))
  return detectBuiltin({ architecture, hasToken: text => Array.isArray(tokens) && tokens.includes(text) })
}

/** Texts of a model's special tokens, by the names that templates know them by. */
export function specialTokens(metadata: Metadata, tokenizer: Tokenizer): Record<string, string> {
  const found: Record<string, string> = {}
  for (const [name, key] of Object.entries(SPECIAL_TOKENS)) {
    const id = metadata.get(`tokenizer.ggml.${key}_token_id`)
    if (typeof id === 'number' && id >= 0 && id < tokenizer.size) found[name] = tokenizer.piece(id)
  }
  return found
}

/**
 * The ids of the whole text, special tokens only where segments allow them: so that texts merge across borders as
 * they would in one piece, and a message that says `<|im_end|>` says just that.
 */
function encodeSegments(tokenizer: Tokenizer, segments: readonly Segment[]): number[] {
  const text = segments.map(segment => segment.text).join('')
  /** By UTF-16 offset: how many before it are not the template's own. */
  const foreign = new Uint32Array(text.length + 1)
  let at = 0
  for (const segment of segments)
    for (let i = 0; i < segment.text.length; i++, at++)
      foreign[at + 1] = foreign[at]! + (segment.special ? 0 : 1)
  const special = (start: number, end: number) => foreign[start] === foreign[end]
  const ids = tokenizer.encode(text, { bos: true, special })
  // Where template and tokenizer both begin with BOS, one is enough.
  return ids.length > 1 && ids[0] === tokenizer.bos && ids[1] === tokenizer.bos ? ids.slice(1) : ids
}
