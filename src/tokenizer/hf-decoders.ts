// How tokenizer.json makes text of tokens again. A chain of steps over all tokens becomes what can be done to one
// token after the other.
import { byteOfPiece, lettersToBytes } from './alphabet.ts'
import { patternFromJson, replaceAll } from './hf-patterns.ts'
import { prependScheme } from './hf-pretokenizers.ts'
import type { Json } from './json.ts'
import { type Decoder, stripStart } from './pipeline.ts'

const kinds = ['Sequence', 'ByteLevel', 'Metaspace', 'ByteFallback', 'Fuse', 'Strip', 'Replace'] as const

/** Without a decoder, tokens are words. */
export function decoderFromJson(json: Json | undefined): Decoder {
  const chain = new Chain()
  if (json) chain.add(json)
  else chain.steps.push((token, first) => (first ? token : ` ${token}`))
  return {
    strip: chain.strip,
    bytes: (token, first) => chain.toBytes(chain.steps.reduce((text, step) => step(text, first), token)),
  }
}

class Chain {
  readonly steps: ((token: string, first: boolean) => string)[] = []
  toBytes: (token: string) => Uint8Array = token => new TextEncoder().encode(token)
  strip = { content: '', count: 0 }
  /** Behind this, there is one text. */
  #fused = false

  add(json: Json): void {
    const kind = json.get('type').oneOf(kinds)
    switch (kind) {
      case 'Sequence':
        for (const step of json.get('decoders').items()) this.add(step)
        return
      case 'ByteLevel':
        this.toBytes = lettersToBytes
        this.#fused = true
        return
      case 'ByteFallback':
        this.toBytes = fallbackBytes
        return
      case 'Fuse':
        this.#fused = true
        return
      case 'Metaspace':
        this.#addMetaspace(json)
        return
      case 'Replace':
        this.#addReplace(json)
        return
      case 'Strip':
        this.#addStrip(json)
        return
    }
    kind satisfies never
  }

  #addMetaspace(json: Json): void {
    const replacement = json.textOr('replacement', '▁')
    const dropsFirst = prependScheme(json) !== 'never'
    this.steps.push((token, first) => token.replaceAll(replacement, first && dropsFirst ? '' : ' '))
  }

  #addReplace(json: Json): void {
    const pattern = json.get('pattern')
    const text = pattern.optional('String')?.text()
    // What is longer than a character might begin in one token and end in the next.
    if (this.#fused && (text === undefined || Array.from(text).length > 1))
      json.unsupported('a Replace of one character behind Fuse', 'another pattern')
    const matcher = patternFromJson(pattern)
    const content = json.get('content').text()
    this.steps.push(token => replaceAll(token, matcher, content))
  }

  #addStrip(json: Json): void {
    const content = json.textOr('content', ' ')
    const start = json.optional('start')?.count(1 << 20) ?? 0
    const stop = json.optional('stop')?.count(1 << 20) ?? 0
    if (!this.#fused) this.steps.push(token => stripEnd(stripStart(token, content, start), content, stop))
    else if (stop > 0) json.get('stop').unsupported('0 behind Fuse')
    else this.strip = { content, count: start }
  }
}

function fallbackBytes(token: string): Uint8Array {
  const byte = byteOfPiece(token)
  return byte === undefined ? new TextEncoder().encode(token) : Uint8Array.of(byte)
}

function stripEnd(text: string, content: string, count: number): string {
  let to = text.length
  for (let i = 0; i < count && content !== '' && text.endsWith(content, to); i++) to -= content.length
  return text.slice(0, to)
}
