// Ways there and back, things lost and found, and what was packed for them.
import { pick, pickSome } from '../grammar.ts'
import type { Plot } from './scene.ts'
import * as words from './words.ts'

export const lostThing: Plot = s => {
  const [hidden, wrong, wrong2] = pickSome(words.hidingPlaces, 3, s.random)
  s.set({ hidden: hidden!, wrong: wrong!, wrong2: wrong2! })
  return [
    `${s.introduce(pick(words.goodTraits, s.random))} ${s.say('[What {he} loved most was|The dearest thing {he} had was|{hero} never went anywhere without] {a treasure}[, a present from {his} {relative}| that {he} had found at the {place3}|].')}`,
    `${s.morning()} ${s.say('{hero} took the {treasure} and went to the {place}. There {he} met {friend}, {a fkind}[, and they played until noon|, and they played hide and seek|]. "[Put that down for a moment|Leave your {treasure} here|Come and help me]," said {friend}, "[and catch me!|I want to show you something.|we will be right back.]" So {hero} put the {treasure} down {hidden} and ran after {fhim}.')}`,
    s.say(
      '[In the evening|When it was time to go home|At home], {hero} [reached into {his} bag|looked at {his} hands|stopped and went pale]. The {treasure} was gone! [Tears came to {his} eyes.|{He} wanted to cry.|{His} heart beat fast.] "[Do not cry|We will find it|Let us look for it]," said {friend}.',
    ),
    s.say(
      '[First they looked|They began to search] {wrong}, but there was only [a sleeping cat|an old boot|a wet leaf|a rusty nail|a snail]. Then they looked {wrong2}. [Nothing.|Nothing there, either.|There was nothing but dust.] [It was getting dark.|The sun went down.|A cold wind came up.] {friend} wanted to go home, but {hero} {deed}.',
    ),
    s.say(
      'Then {hero} remembered. "[I know!|Wait!|Of course!]" {he} [cried|said|called]. "I put it down {hidden} before we ran away!" They went back to the {place}, and there it was, {hidden}, just where {he} had left it.',
    ),
    s.say(
      '{hero} held the {treasure} tight all the way home. [From that day on, {he} always looked back before leaving a place.|"Next time," said {he}, "I will put it in my pocket."|And {friend} got the biggest {food} that evening, for helping to look.]',
    ),
  ]
}

export const wayHome: Plot = s => {
  const marks = pickSome(
    [
      'a tree with a white trunk',
      'a stone like a sleeping bear',
      'a broken cart',
      'a bush with red berries',
      'a bridge with one plank missing',
      'a well with a blue bucket',
      'a scarecrow in a black coat',
      'a gate without a fence',
      'two birches side by side',
      'a little chapel',
      'a heap of logs',
      'a nest of storks on a pole',
    ],
    3,
    s.random,
  )
  s.set({ mark1: marks[0]!, mark2: marks[1]!, mark3: marks[2]! })
  const the = (mark: string) => mark.replace(/^(a|an) /, 'the ').replace(/^two/, 'the two')
  s.set({ the1: the(marks[0]!), the2: the(marks[1]!), the3: the(marks[2]!) })
  return [
    `${s.introduce(pick(words.goodTraits, s.random))} ${s.introduceFriend()}`,
    `${s.morning()} ${s.say('The two friends wanted to see the {place}, where they had never been. "[Keep your eyes open|Remember the way|Look around as you go]," said {his} {relative}. They set out after breakfast. First they came past {mark1}. Then they came past {mark2}. At last, just before the {place}, they saw {mark3}.')}`,
    s.say(
      'The {place} was [wonderful|even better than they had thought]. They [climbed and jumped and threw stones|collected shells and feathers|ate {a food} each and lay in the grass]. [They forgot the time.|Nobody looked at the sun.] When they wanted to go home, [fog had come up|it was nearly dark|all the paths looked the same].',
    ),
    s.say(
      '"We are lost," said {friend}, and {fhis} voice trembled. "[Which way did we come?|What shall we do?]" But {hero} {deed}. "[Let me think|Wait]," {he} said. "What did we see last on our way here? It was {mark3}. So that must come first now." They looked for it, and found it.',
    ),
    s.say(
      '"And before that there was {mark2}," said {hero}. [They held hands and went on.|They went on, step by step.] Soon they stood before {the2}. "Then only {the1} is left!" cried {friend}. And there it was, and behind it they saw the lights of home.',
    ),
    s.say(
      '{His} {relative} [stood at the door with a lamp|was waiting with hot soup|had been looking for them]. "How did you find the way?" "[Backwards|We only had to remember it from the end to the beginning]!" said {hero}[, and yawned|].',
    ),
  ]
}

export const journey: Plot = s => {
  const tools = pickSome(
    [
      {
        tool: 'rope',
        trouble: 'the bridge had fallen into the river',
        use: 'tied the rope to a tree and swung across',
      },
      {
        tool: 'lamp',
        trouble: 'the path led through a cave as black as ink',
        use: 'lit the lamp and walked through',
      },
      {
        tool: 'loaf of bread',
        trouble: 'a big goose blocked the way and hissed',
        use: 'broke the bread and fed the goose until it stepped aside',
      },
      {
        tool: 'umbrella',
        trouble: 'hail as big as nuts fell from the sky',
        use: 'opened the umbrella and walked on, dry and warm',
      },
      {
        tool: 'flute',
        trouble: 'a giant dog lay across the path and growled',
        use: 'played the flute until the dog fell asleep',
      },
      {
        tool: 'spade',
        trouble: 'a heap of sand had buried the door',
        use: 'dug with the spade until the door was free',
      },
      {
        tool: 'needle and thread',
        trouble: 'the sail of the only boat was torn',
        use: 'sewed the sail with needle and thread',
      },
      {
        tool: 'blanket',
        trouble: 'the night was so cold that the puddles froze',
        use: 'crept under the blanket and slept until morning',
      },
    ],
    2,
    s.random,
  )
  const [first, second] = tools as [(typeof tools)[number], (typeof tools)[number]]
  s.set({
    tool1: first.tool,
    trouble1: first.trouble,
    use1: first.use,
    tool2: second.tool,
    trouble2: second.trouble,
    use2: second.use,
  })
  return [
    `${s.introduce(pick(words.goodTraits, s.random))} ${s.say('More than anything {he} wished for {a wish}.')}`,
    s.say(
      '"[Beyond the {place}|Far away, behind the {place}]," said {his} {relative}, "lives {an elder} who can make any wish come true. But the way is long." {hero} packed {his} bag. "Take {a tool1}," said {his} {relative}, "and {a tool2}. [You will need them.|You never know.]" And so {hero} set out.',
    ),
    s.say(
      '[On the first day|After an hour] all was well. {He} walked past the {place2} and sang. Then {trouble1}. [What now?|{hero} stood still.] {He} thought of {his} bag. {He} took out the {tool1}. {hero} {use1}.',
    ),
    s.say(
      '[On the second day|A little later] {he} came to the {place}. [There {he} met nobody but the wind.|There {he} met {friend}, {a fkind}, who gave {him} {a food} and came along.] But just there {trouble2}. {hero} {deed}. Then {he} remembered the {tool2}. {hero} {use2}.',
    ),
    s.say(
      'At last {he} stood before the house of the {elder}. "I know what you want," said the {elder}. "You want {a wish}. [But tell me, how did you come here?|Sit down and tell me about your journey.]" {hero} told everything: about the {tool1}, and about the {tool2}. The {elder} [nodded|smiled]. "[Somebody who can do that|One who comes so far] does not need magic. [Here is wood, here are nails. Build it yourself, and I will show you how.|I will help you, and by the spring you will have earned it.]"',
    ),
    s.say(
      '[It took all winter.|It took three weeks and many sore thumbs.] And when {hero} came home with {a wish}, {he} was [prouder than if it had fallen from the sky|a head taller]. The {tool1} and the {tool2} [hang by the door|are still in the bag], ready for next time.',
    ),
  ]
}

export const trickster: Plot = s => {
  const fox = pick(['fox', 'raven', 'wolf', 'weasel', 'magpie', 'cat'], s.random)
  s.set({ thief: fox, small: pick(words.smallAnimals, s.random) })
  return [
    `${s.introduce(
      pick(
        words.goodTraits.filter(t => ['clever', 'curious', 'quiet', 'careful'].includes(t.word)),
        s.random,
      ),
    )} ${s.say('{He} had {a treasure} that everyone admired.')}`,
    s.say(
      'In the {place} lived {a thief} who [wanted everything that shone|had never worked a day|thought that everybody else was stupid]. One day the {thief} knocked at the door. "[Good morning, dear {hero}|What a fine day]," it said [sweetly|with a bow]. "[I am collecting for the poor|There is a feast at the {place2}, and you are invited|Somebody told me that your {treasure} is not real]. [Let me hold it for a moment.|Give it to me, and I will take care of it.]"',
    ),
    s.say(
      '{hero} [was no fool|noticed that the {thief} kept one paw behind its back|had heard the bag rustle]. {He} {deed}. "[Gladly|With pleasure]," said {he}. "But [it works only for someone who can count to a hundred with closed eyes|first you must carry it in a sack, for light is bad for it|you must sign for it, with both hands]."',
    ),
    s.say(
      'The {thief} [laughed inside|thought that this was easy] and did as it was told. [One, two, three, it counted.|It closed its eyes.] In the meantime {hero} put {a food} [as hard as stone|that was a week old] into the sack, and hid the {treasure} {hidden}. "Here you are," {he} said. "Do not open it before you are home!"'.replace(
        '{hidden}',
        pick(words.hidingPlaces, s.random),
      ),
    ),
    s.say(
      'The {thief} ran as fast as it could. At home it tore the sack open, and bit on the {food}. "Ouch!" [All the animals heard it, down to the smallest {small}.|They heard it as far as the {place2}.] [How they laughed!|Everyone laughed for a week.]',
    ),
    s.say(
      'The {thief} [never knocked at that door again|has been polite ever since]. And {hero}? {He} [put the {treasure} back in its place and made tea|told the story every winter, and each time the {thief} was a little bigger].',
    ),
  ]
}
