/// <reference lib="esnext.disposable" preserve="true" />
// A loaded model: what users hold in their hands.
import type { Backend, DeviceInfo, KvDType, Logits, Roofline } from '../backends/backend.ts'
import type { BuiltinName } from '../chat/builtin.ts'
import type { Engine } from '../engine/engine.ts'
import type { FeedOptions, Session } from '../engine/session.ts'
import { DisposedError } from '../errors.ts'
import type { RecordedModel } from '../models/registry.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import { Chat, type ChatOptions } from './chat.ts'
import { type GenerateOptions, Generation } from './generation.ts'
import type { OutputOf, OutputSchema } from './structured.ts'
import { namedTemplate, noTemplate, type PromptTemplate } from './template.ts'
import { noTokenizer } from './tokenizer.ts'
import { type Cost, costOf, parametersOf } from './traffic.ts'

export class Model {
  /** The file it came from. */
  readonly name: string
  /** As the file calls it: `llama`. */
  readonly architecture: string
  /** Tokens that prompt and response may have together. */
  readonly contextLength: number
  /** The context that the model was trained for, in tokens. */
  readonly trainedContextLength: number
  /** Number of token ids, and width of a row of logits. */
  readonly vocabularySize: number
  /** Number of weights. */
  readonly parameters: number
  /** Name of the backend that computes. */
  readonly backend: string
  /** What it computes on: processor or GPU, threads, instruction set. */
  readonly device: DeviceInfo
  /** What a step reads and multiplies. */
  readonly cost: Cost
  readonly #tokenizer: Tokenizer | undefined
  readonly #template: PromptTemplate | undefined
  readonly #specialTokens: Readonly<Record<string, string>>
  readonly #backend: Backend
  readonly #engine: Engine
  #disposed: Promise<void> | undefined

  /** Made by `loadModel`. */
  constructor(parts: {
    name: string
    recorded: RecordedModel
    tokenizer: Tokenizer | undefined
    template: PromptTemplate | undefined
    specialTokens: Readonly<Record<string, string>>
    backend: Backend
    engine: Engine
    kvDType: KvDType
  }) {
    this.name = parts.name
    this.architecture = parts.recorded.architecture
    this.trainedContextLength = parts.recorded.config.contextLength
    this.contextLength = parts.engine.maxSeqLen
    this.vocabularySize = parts.engine.vocabulary
    this.parameters = parametersOf(parts.recorded.program)
    this.backend = parts.backend.name
    this.device = parts.backend.device
    this.cost = costOf(parts.recorded.program, parts.kvDType)
    this.#tokenizer = parts.tokenizer
    this.#template = parts.template
    this.#specialTokens = parts.specialTokens
    this.#backend = parts.backend
    this.#engine = parts.engine
  }

  get hasTokenizer(): boolean {
    return this.#tokenizer !== undefined
  }

  /** Throws UnsupportedModelError if the file has none. */
  get tokenizer(): Tokenizer {
    return this.#tokenizer ?? noTokenizer(this.name)
  }

  get hasTemplate(): boolean {
    return this.#template !== undefined
  }

  /**
   * How the model wants conversations to be written: `model.template.render(messages).tokens` is what to generate
   * from. Throws UnsupportedModelError if the file has no template and no built-in one fits.
   */
  get template(): PromptTemplate {
    return this.#template ?? noTemplate(this.name)
  }

  /** A built-in format for this model, whatever its file says. Throws InvalidOptionError where there is none of that name. */
  templateNamed(name: BuiltinName): PromptTemplate {
    return namedTemplate(name, this.tokenizer, this.#specialTokens)
  }

  /**
   * A conversation: `const chat = model.chat({ system: 'Be brief.' }); const reply = await chat.send('Hello')`. Throws
   * UnsupportedModelError if the file has no chat template, no built-in one fits, and none is named.
   */
  chat(options: ChatOptions = {}): Chat {
    this.#check()
    return new Chat(this, options)
  }

  /**
   * Goes on from `prompt` (a text, or token ids that go in as they are), piece by piece:
   * `for await (const piece of model.generate('Once upon a time')) ...`. Rejects with ContextOverflowError if
   * the prompt does not fit, and with the signal's reason on abort. With a `schema`,
   * `await model.generate(...).value()` is the value; rejects with InvalidOutputError, behind the last piece, where the output was cut off or
   * the schema's own checks refuse it.
   */
  generate<S extends OutputSchema>(
    prompt: string | readonly number[],
    options: GenerateOptions & { readonly schema: S },
  ): Generation<OutputOf<S>>
  generate(prompt: string | readonly number[], options?: GenerateOptions): Generation
  generate(prompt: string | readonly number[], options: GenerateOptions = {}): Generation {
    this.#check()
    return new Generation(this.tokenizer, this.#engine.session(), prompt, options)
  }

  /** An empty sequence of tokens to feed by hand; dispose it when done. */
  session(): Session {
    this.#check()
    return this.#engine.session()
  }

  /** Logits of `ids` in an empty context: rows and their width as `options` ask for. */
  async logits(ids: readonly number[], options: FeedOptions = {}): Promise<Logits> {
    const session = this.session()
    try {
      return await session.feed(ids, options)
    } finally {
      session.dispose()
    }
  }

  /** What the device could do at best, measured now, or undefined where that is not known. */
  async measureDevice(): Promise<Roofline | undefined> {
    this.#check()
    return this.#backend.measure?.()
  }

  /** Waits for the running step and frees everything; later calls throw or reject with DisposedError. */
  dispose(): Promise<void> {
    this.#disposed ??= this.#engine.dispose().then(() => this.#backend.dispose())
    return this.#disposed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose()
  }

  #check(): void {
    if (this.#disposed) throw new DisposedError('model')
  }
}
