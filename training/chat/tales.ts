// Short stories about what somebody asks for: somebody, a thing, or both.
import type { Random } from '../../test/fixtures/random.ts'
import { pick, tidy } from '../grammar.ts'
import { drawn } from '../holdout.ts'
import { Scene } from '../stories/scene.ts'
import * as words from '../stories/words.ts'

export interface Tale {
  readonly question: string
  readonly story: string
  /** Words that the story must not leave out. */
  readonly about: readonly string[]
}

const asking = [
  'Tell me a story about X.',
  'Tell me a story about X, please.',
  'Please tell me a story about X.',
  'Can you tell me a story about X?',
  'Write a story about X.',
  'Write a short story about X.',
  'Tell me a short story about X.',
  'I would like a story about X.',
  'tell me a story about X',
  'A story about X, please!',
  'Do you know a story about X?',
]

const openings =
  '[Once upon a time there was|Once upon a time, there was|Once there was] {a like} {kind} [called|named] {hero}.'
const plots = [
  `${openings} {He} had {a treasure} and took it everywhere. One day, {weather}, and the {treasure} was gone. {hero} looked {where} and found nothing. "I will help you," said {friend}, {a fkind}. They looked together, and there it lay, {where2}. [From then on {hero} took better care of it.|{hero} shared it with {friend} from that day on.]`,
  `${openings} {He} lived in {a home} and wished for {a treasure} more than for anything else. So {he} helped {an elder} for a whole week. "You have worked well," said the {elder}. "What would you like?" "{A treasure}," said {hero}. The {elder} smiled and brought one. [It was the best day of the year.|{hero} could not sleep that night for joy.]`,
  `${openings} On the way to the {place} {he} found {a treasure}. "Whose is it?" thought {hero}, and asked {an elder}. "It is not mine," said the {elder}. Then {he} met {friend}, {a fkind}, who was crying. "I have lost my {treasure}!" {hero} gave it back at once. [Since then the two have been friends.|"Thank you," said {friend}, and they played until it was dark.]`,
  `${openings} One day {he} wanted to see the {place}. It was far, and {weather}. {He} packed {a food} and {a treasure} and set out. On the way {he} met {friend}, {a fkind}, who was hungry. They shared the {food}. Then it grew dark, but {friend} knew the way. In the evening both sat at the {place}, and the {treasure} lay between them. "[Tomorrow we will go on|That was a good day]," said {hero}.`,
  `${openings} Everybody said that {he} was too small. Then {weather}, and {an elder} lost {a treasure} down a narrow hole. No hand would fit. "Let me try," said {hero}, and crept in. It was dark, but {he} did not stop. At last {he} came out again with the {treasure}. [Nobody ever said again that {hero} was too small.|"How good that you are small!" said the {elder}.]`,
]
const likes = ['little', 'kind', 'brave', 'curious', 'clever', 'patient', 'shy', 'cheerful', 'lazy', 'hungry']

/** A story whose topic is kept for judging, or is not. */
export function tale(random: Random, unseen: boolean): Tale {
  const { scene, topic, about } = drawn(
    unseen,
    () => topicOf(random),
    made => made.topic,
  )
  return {
    question: pick(asking, random).replace('X', topic),
    story: tidy(scene.say(pick(plots, random))),
    about,
  }
}

function topicOf(random: Random): { scene: Scene; topic: string; about: string[] } {
  const scene = new Scene(random)
  const [where, where2] = [pick(words.hidingPlaces, random), pick(words.hidingPlaces, random)]
  scene.set({ like: pick(likes, random), where, where2 })
  const { kind, treasure, like, hero } = scene.values as Record<string, string>
  const [text, ...about] = pick(
    [
      ['{a kind}', kind!],
      ['{a kind} called {hero}', kind!, hero!],
      ['{a like} {kind}', like!, kind!],
      ['{a like} {kind} called {hero}', like!, kind!, hero!],
      ['{a treasure}', treasure!],
      ['{a kind} and {a treasure}', kind!, treasure!],
      ['{a kind} who has {a treasure}', kind!, treasure!],
      ['{hero}', hero!],
    ] as const,
    random,
  )
  return { scene, topic: scene.say(text), about }
}
