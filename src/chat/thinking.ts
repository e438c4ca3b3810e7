// What a model thinks before it answers: which marks enclose it, and how a stream of text is split at them.
import { TemplateError } from '../errors.ts'
import { overlap } from './overlap.ts'
import type { Message } from './template.ts'

/** Texts that open and close a trace of thinking. */
export interface ThinkingMarkers {
  readonly open: string
  readonly close: string
  /** What opens an answer that no trace came before. */
  readonly answer?: string
  /** What is said to close a trace early, where the template does not tell. Default: the mark on a line of its own, and an empty one. */
  readonly closing?: string
}

/** A part of a reply. */
export type ReplyPiece = { readonly text: string } | { readonly thinking: string }

/** Marks of the models that think, as their templates and vocabularies have them. */
const known: readonly ThinkingMarkers[] = [
  { open: '<think>', close: '</think>' }, // DeepSeek-R1, Qwen3, QwQ and most others
  { open: '<thinking>', close: '</thinking>' },
  { open: '[THINK]', close: '[/THINK]', closing: '[/THINK]' }, // Magistral
  { open: '<seed:think>', close: '</seed:think>' }, // Seed-OSS
  { open: '<|START_THINKING|>', close: '<|END_THINKING|>', closing: '<|END_THINKING|>' }, // Command A Reasoning
  { open: '<|begin_of_thought|>', close: '<|end_of_thought|>' }, // OpenThinker
  { open: '<reasoning>', close: '</reasoning>' },
  // gpt-oss: two channels, of which the answer has the second.
  {
    open: '<|channel|>analysis<|message|>',
    close: '<|end|><|start|>assistant<|channel|>final<|message|>',
    answer: '<|channel|>final<|message|>',
    closing: '<|end|><|start|>assistant<|channel|>final<|message|>',
  },
]

/** Words that no template changes. */
const THOUGHT = 'THOUGHT'
const ANSWER = 'ANSWER'

/** What closes a trace: what the template writes between a thought and an answer, if it writes both. */
export function closingText(
  markers: ThinkingMarkers,
  render: (messages: readonly Message[]) => string,
): string {
  const { close, closing = `\n${close}\n\n` } = markers
  try {
    const written = render([
      { role: 'user', content: 'QUESTION' },
      { role: 'assistant', content: ANSWER, reasoning_content: THOUGHT },
    ])
    const [, after] = written.split(THOUGHT)
    const [between, rest] = after?.split(ANSWER) ?? []
    return rest !== undefined && between!.trim() === close ? between! : closing
  } catch (error) {
    if (error instanceof TemplateError) return closing
    throw error
  }
}

/**
 * The marks of a model: those that its chat template names, else those that its vocabulary has tokens for. A template that only cuts
 * traces off (`split('</think>')`) names one of the two.
 */
export function findThinkingMarkers(
  template: string,
  hasToken: (text: string) => boolean,
): ThinkingMarkers | undefined {
  return (
    known.find(({ open, close }) => template.includes(open) || template.includes(close)) ??
    known.find(({ open, close }) => hasToken(open) && hasToken(close))
  )
}

/** Whether a prompt leaves a trace open, so that the reply begins in it. */
export function endsInThinking(prompt: string, { open }: ThinkingMarkers): boolean {
  return prompt.trimEnd().endsWith(open)
}

/**
 * Splits streamed text into thinking and answer. A trace is opened at the beginning of a reply only: later the marks are words like
 * others. Space around a trace belongs to neither part. Holds back what may be a mark or such space; concatenated pieces do not depend
 * on where the text was cut.
 */
export class ThinkingSplitter {
  readonly #markers: ThinkingMarkers | undefined
  #state: 'start' | 'thinking' | 'after' | 'answer'
  #held = ''
  /** Whether that is nothing but space. */
  #heldSpace = true
  #begun = false

  /** Without `markers` all is answer. `thinking`: the prompt has opened the trace. */
  constructor(markers: ThinkingMarkers | undefined, thinking = false) {
    this.#markers = markers
    this.#state = markers === undefined ? 'answer' : thinking ? 'thinking' : 'start'
  }

  /** Whether the text that comes next belongs to the trace, as far as that is known. */
  get thinking(): boolean {
    return this.#state === 'thinking'
  }

  /** Whether the answer has begun: marks are words from now on. */
  get answering(): boolean {
    return this.#state === 'answer'
  }

  push(piece: string): ReplyPiece[] {
    const pieces: ReplyPiece[] = []
    // Space after space decides nothing, and is not looked at again: there may be much of it.
    if (this.#state !== 'answer' && this.#held !== '' && this.#heldSpace && piece.trim() === '') {
      this.#held += piece
      return pieces
    }
    let text = this.#held + piece
    this.#held = ''
    if (this.#state === 'start') text = this.#atStart(text)
    if (this.#state === 'thinking') text = this.#inTrace(text, pieces)
    if (this.#state === 'after') {
      text = text.trimStart()
      if (text !== '') this.#state = 'answer'
    }
    if (this.#state === 'answer' && text !== '') pieces.push({ text })
    this.#heldSpace = this.#held.trim() === ''
    return pieces
  }

  /** What was held back, once no more text comes. */
  flush(): ReplyPiece[] {
    const held = this.#held
    this.#held = ''
    if (this.#state === 'thinking') return held.trimEnd() === '' ? [] : [{ thinking: held.trimEnd() }]
    return held === '' ? [] : [{ text: held }]
  }

  /** Answers the text that is left to look at. */
  #atStart(text: string): string {
    const { open, answer } = this.#markers!
    const begun = text.trimStart()
    if (begun.startsWith(open)) {
      this.#state = 'thinking'
      return begun.slice(open.length)
    }
    if (answer !== undefined && begun.startsWith(answer)) {
      this.#state = 'after'
      return begun.slice(answer.length)
    }
    if (open.startsWith(begun) || answer?.startsWith(begun)) {
      this.#held = text
      return ''
    }
    this.#state = 'answer'
    return text
  }

  #inTrace(text: string, pieces: ReplyPiece[]): string {
    const { close } = this.#markers!
    if (!this.#begun) text = text.trimStart()
    this.#begun ||= text !== ''
    const end = text.indexOf(close)
    if (end >= 0) {
      this.#state = 'after'
      const thought = text.slice(0, end).trimEnd()
      if (thought !== '') pieces.push({ thinking: thought })
      return text.slice(end + close.length)
    }
    // The end of the text may be the beginning of the mark, and space before it the trace's last.
    const certain = text.slice(0, text.length - overlap(text, close)).trimEnd()
    if (certain !== '') pieces.push({ thinking: certain })
    this.#held = text.slice(certain.length)
    return ''
  }
}
