// Makes short stories: somebody with a wish or a fault, a place, a trouble, attempts, a turn and an end. What is said early
// (a trait, a thing put in a pocket, a place passed by) matters later, so that whoever tells them must remember.
import type { Random } from '../test/fixtures/random.ts'
import { pick, tidy } from './grammar.ts'
import * as friends from './stories/friends.ts'
import * as journeys from './stories/journeys.ts'
import * as lessons from './stories/lessons.ts'
import * as makers from './stories/makers.ts'
import * as mysteries from './stories/mysteries.ts'
import { type Plot, Scene } from './stories/scene.ts'

const plots: readonly Plot[] = [friends, journeys, lessons, makers, mysteries].flatMap(group =>
  Object.values(group),
)

/** A story of some ten to thirty sentences, in paragraphs. */
export function story(random: Random): string {
  const scene = new Scene(random)
  return pick(
    plots,
    random,
  )(scene)
    .map(paragraph => tidy(paragraph))
    .join('\n\n')
}
