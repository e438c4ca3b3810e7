// What a story is told with: one hero, two friends, one world, and the sentences that many stories begin with.
import type { Random } from '../../test/fixtures/random.ts'
import { expand, pick, pickSome, type Values } from '../grammar.ts'
import * as words from './words.ts'

export type Plot = (scene: Scene) => string[]

/** The same people and words from the beginning of a story to its end. */
export class Scene {
  readonly values: Record<string, string> = {}

  constructor(readonly random: Random) {
    const names = (list: readonly string[]) => pickSome(list, 3, random)
    const girls = names(words.girls)
    const boys = names(words.boys)
    for (const [i, prefix] of ['', 'f', 'g'].entries()) this.#person(prefix, girls[i]!, boys[i]!)
    const [elder, elder2] = pickSome(words.elders, 2, random)
    const [food, food2, food3] = pickSome(words.foods, 3, random)
    const [first, second, third] = pickSome(words.places, 3, random)
    Object.assign(this.values, {
      place: first!,
      place2: second!,
      place3: third!,
      relative: pick(words.relatives, random),
      elder: elder!,
      elder2: elder2!,
      weather: pick(words.weathers, random),
      treasure: pick(words.treasures, random),
      wish: pick(words.wishes, random),
      food: food!,
      food2: food2!,
      food3: food3!,
      colour: pick(words.colours, random),
    })
  }

  /** Sets name, kind, home and pronouns; keys of the friend begin with f, those of the third with g. */
  #person(prefix: string, girlName: string, boyName: string): void {
    const { random } = this
    const kind = random.below(3)
    const girl = random.below(2) === 0
    const pronouns = girl ? ['she', 'her', 'her'] : ['he', 'him', 'his']
    const animal = kind === 0
    Object.assign(this.values, {
      [{ f: 'friend', g: 'third' }[prefix] ?? 'hero']: girl ? girlName : boyName,
      [`${prefix}kind`]: animal ? pick(words.animals, random) : girl ? 'girl' : 'boy',
      [`${prefix}home`]: pick(animal ? words.animalHomes : words.homes, random),
      [`${prefix}he`]: pronouns[0]!,
      [`${prefix}him`]: pronouns[1]!,
      [`${prefix}his`]: pronouns[2]!,
    })
  }

  set(values: Values): void {
    Object.assign(this.values, values)
  }

  say(text: string): string {
    return expand(text, this.values, this.random)
  }

  chance(share: number): boolean {
    return this.random.unit() < share
  }

  /** The first sentences: who it is, where {he} lives, and what {he} is like. */
  introduce(trait: words.Trait): string {
    this.set({ trait: trait.word, habit: trait.habit })
    this.set({ deed: this.say(trait.deed) })
    const habit =
      '[{He} {habit}.|Everyone knew that {he} {habit}.|{hero} {habit}.|It was said that {he} {habit}.]'
    const opening = this.random.below(10)
    if (opening < 6)
      return this.say(
        '[Once upon a time,|Once upon a time|Once upon a time,|Once,|Long ago,|A long time ago,|Not so long ago,] [there was|there lived] {a trait} {kind} [called|named|whose name was] {hero}. ' +
          `[{hero}|{He}] lived in {a home}[ with {his} {relative}||]. ${habit}`,
      )
    if (opening < 8)
      return this.say(
        `[In {a home} lived|There once was|In {a home}[, far from here,|] there lived] {a kind} [called|named] {hero}. {hero} was [very|really|so|] {trait}. ${habit}`,
      )
    return this.say(
      `{hero} was {a trait} {kind}[ who lived in {a home}| and lived in {a home} with {his} {relative}]. ${habit}`,
    )
  }

  introduceFriend(): string {
    return this.say(
      '[{His} best friend was {a fkind} called {friend}, who lived in {a fhome}.|{hero} had a friend, {a fkind} named {friend}.|Next door, in {a fhome}, lived {friend}, {a fkind}, and the two were friends.]',
    )
  }

  morning(): string {
    return this.say(
      '[One morning|One day|One afternoon|On a Sunday|Early one morning|On the first day of the holidays|One Saturday], {weather}[, and {hero} could not stay inside|, and it smelled of adventure|| and {hero} was already outside].',
    )
  }
}
