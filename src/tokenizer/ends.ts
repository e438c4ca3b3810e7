// Tokens that end a generation, known by their texts: files name only some of them.

/** Whatever their type says: nobody writes them otherwise. */
const ENDS = [
  '<|eot_id|>',
  '<|eom_id|>',
  '<|im_end|>',
  '<|end|>',
  '<|return|>',
  '<|call|>',
  '<|calls|>',
  '<|flush|>',
  '<end_of_turn>',
  '<turn|>',
  '<|tool_response>',
  '<end_of_utterance>',
  '<|endoftext|>',
  '<|end_of_text|>',
  '_<EOT>',
  '<｜end▁of▁sentence｜>',
]

/** Only where they are no ordinary pieces: vocabularies of HTML and code have such texts, too. */
const ENDS_UNLESS_NORMAL = [
  '</s>',
  '<eos>',
  '<EOT>',
  '[EOT]',
  '[EOS]',
  '[e~[',
  '<|fim_pad|>',
  '<fim-pad>',
  '<fim_pad>',
  '<|fim_repo|>',
  '<|repo_name|>',
  '<fim-repo>',
  '<reponame>',
  '<|file_sep|>',
]

/** Ids by text; `isNormal` says which pieces are ordinary text. */
export function endsByText(
  idOf: (text: string) => number | undefined,
  isNormal: (id: number) => boolean,
): number[] {
  const id = (text: string) => {
    const found = idOf(text)
    return found !== undefined && ENDS_UNLESS_NORMAL.includes(text) && isNormal(found) ? undefined : found
  }
  // Where a turn has a mark of its own, these are parts of it.
  const has = (text: string) => id(text) !== undefined
  const channels = (has('<|return|>') && has('<|call|>')) || (has('<|flush|>') && has('<|calls|>'))
  const parts = [channels ? '<|end|>' : '', has('<|tool_response>') ? '</s>' : '']
  return [...ENDS, ...ENDS_UNLESS_NORMAL]
    .filter(text => !parts.includes(text))
    .map(id)
    .filter(found => found !== undefined)
}
