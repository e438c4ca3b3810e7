// A message in coding mode on its way: files, replies, what their edits come to, and requests to mend them.
import type { CodingSession, CodingTurn, ExpandedMessage, Reply } from '../../api/index.ts'
import type { Terminal } from '../terminal.ts'
import { printable } from './printable.ts'
import { pieceWriter, showing } from './show.ts'
import { reviewJson, reviewText, waitingLine } from './show-edits.ts'

/** Told what comes. */
export interface ReplyListener {
  piece(): void
  reply(reply: Reply): void
}

/** Writes replies as they come and a line for each edit. Rejects as the turn does, after what came has been written. */
export async function showTurn(
  turn: CodingTurn,
  coding: CodingSession,
  terminal: Terminal,
  showThinking: boolean,
  on: ReplyListener,
): Promise<void> {
  const out = pieceWriter(terminal, showThinking)
  const waited = coding.edits
  let mended = true
  const take = async () => {
    for await (const event of turn) {
      if ('files' in event) tellFiles(event.files, terminal)
      else if ('reply' in event) {
        await out.end()
        on.reply(event.reply)
      } else if ('review' in event) {
        const { review } = event
        mended = review.rejected.length === 0 && review.problems.length === 0
        const painted = reviewText(review, coding.edits, terminal.paint)
        if (painted !== '') await terminal.answer({ painted, json: reviewJson(review, coding.edits) })
      } else if ('repair' in event) {
        const { round, of, request } = event.repair
        terminal.note(`the model is asked for edits that can be made (${round} of ${of})`)
        terminal.debug(printable(request))
      } else {
        on.piece()
        await out.piece(event)
      }
    }
  }
  await showing(out, take, async () => (await turn).replies)
  if (!mended) terminal.warn('some edits could not be used')
  if (coding.edits.length > 0 && coding.edits !== waited) terminal.note(waitingLine(coding.edits.length))
}

/** A line for each file that a message refers to. */
export function tellFiles({ included, known, refused }: ExpandedMessage, terminal: Terminal): void {
  for (const { name, lines, bytes } of included)
    terminal.note(printable(`${name}: ${lines} lines, ${bytes} bytes`))
  for (const name of known) terminal.note(printable(`${name}: unchanged, the conversation holds it`))
  for (const { path, reason } of refused) terminal.warn(printable(`${path} is not shown: ${reason}`))
}
