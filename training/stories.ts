// Makes short stories: somebody with a wish or a fault, a place, a trouble, attempts, a turn and an end. What is said early
// (a trait, a thing put in a pocket, a place passed by) matters later, so that whoever tells them must remember.
import type { Random } from '../test/fixtures/random.ts'
import { expand, pick, pickSome, tidy, type Values } from './grammar.ts'
import * as words from './words.ts'

type Plot = (scene: Scene) => string[]

/** One hero, one friend, one world; the same words throughout. */
class Scene {
  readonly values: Record<string, string> = {}

  constructor(readonly random: Random) {
    this.#person('', '')
    this.#person('f', this.values.hero!)
    const [first, second, third] = pickSome(words.places, 3, random)
    Object.assign(this.values, {
      place: first!,
      place2: second!,
      place3: third!,
      relative: pick(words.relatives, random),
      elder: pick(words.elders, random),
      weather: pick(words.weathers, random),
      treasure: pick(words.treasures, random),
      wish: pick(words.wishes, random),
      food: pick(words.foods, random),
      food2: pick(words.foods, random),
      colour: pick(words.colours, random),
    })
  }

  /** Sets name, kind, home and pronouns; keys of the friend begin with f. */
  #person(prefix: string, other: string): void {
    const { random } = this
    const kind = random.below(3)
    const girl = random.below(2) === 0
    const names = (girl ? words.girls : words.boys).filter(name => name !== other)
    const pronouns = girl ? ['she', 'her', 'her'] : ['he', 'him', 'his']
    const animal = kind === 0
    Object.assign(this.values, {
      [prefix === '' ? 'hero' : 'friend']: pick(names, random),
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
    return this.say(
      '[Once upon a time,|Once,|Long ago,|A long time ago,|Not so long ago,] [there was|there lived] {a trait} {kind} [called|named|whose name was] {hero}. ' +
        '[{hero}|{He}] lived in {a home}[ with {his} {relative}||]. [{He} {habit}.|Everyone knew that {he} {habit}.|{hero} {habit}.]',
    )
  }

  introduceFriend(): string {
    return this.say(
      '[{His} best friend was {a fkind} called {friend}, who lived in {a fhome}.|{hero} had a friend, {a fkind} named {friend}.|Next door, in {a fhome}, lived {friend}, {a fkind}, and the two were friends.]',
    )
  }

  morning(): string {
    return this.say(
      '[One morning|One day|One afternoon|On a Sunday|One fine day|The next day], {weather}[, and {hero} could not stay inside|, and it smelled of adventure||].',
    )
  }
}

const lostThing: Plot = s => {
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

const helpReturned: Plot = s => {
  const trouble = pick(words.troubles, s.random)
  const [danger, rescue] = pick(
    [
      ['fell into a deep hole', 'brought a long rope and pulled {him} out'],
      ['lost the way in the fog', 'went ahead and showed {him} the path'],
      ['could not get across the river', 'showed {him} the stones under the water'],
      ['was locked in the old tower', 'crept through a crack and turned the key'],
      ['dropped the key of the house into the well', 'dived down and brought it up'],
      ['got both feet stuck in the mud', 'called all its brothers and sisters, and they pulled together'],
    ] as const,
    s.random,
  )
  s.set({ small: pick(words.smallAnimals, s.random), state: trouble.state, act: trouble.act, danger })
  s.set({ rescue: s.say(rescue) })
  return [
    s.introduce(pick(words.goodTraits, s.random)),
    `${s.morning()} ${s.say('On the way to the {place}, {he} heard a [tiny|thin|sad|weak] voice. It was {a small}. It {state}. "[Please help me!|Help!|Can you help me?]" [cried|said|begged] the {small}.')}`,
    s.say(
      '{hero} [did not think twice|knelt down at once|was late already, but stopped all the same]. {He} {act}. "[Thank you|Thank you so much|Oh, thank you]," said the {small}. "[One day I will help you, too.|I will not forget this.|If you ever need me, call me.]" {hero} laughed. "[You are so small!|How could you help me?|You? But you are no bigger than my hand!]" [And {he} went on {his} way.|They waved to each other, and {hero} went on.]',
    ),
    s.say(
      '[Some weeks later|Many days went by. Then, one evening|In the autumn|When winter came], {hero} was walking home from the {place2} and {danger}. {He} called and called, but nobody [heard {him}|came|was near]. [It grew dark.|It began to rain.|The stars came out.] {hero} {deed}, but it was no use.',
    ),
    s.say(
      'Then {he} heard a voice that {he} knew. It was the {small}! "[Now it is my turn|I told you that I would help you|Do not be afraid]," it said. It {rescue}.',
    ),
    s.say(
      '"[You are small|You may be little]," said {hero}, "but [you are a great friend|your heart is big|I will never laugh at anyone again]." [From then on they had supper together every Sunday.|They shared {a food} and told each other stories until it was late.|And so {hero} and the {small} became friends for life.]',
    ),
  ]
}

const contest: Plot = s => {
  const c = pick(words.contests, s.random)
  const fault = pick(words.badTraits, s.random)
  s.set({
    contest: c.name,
    verb: c.verb,
    at: c.at,
    trouble: c.trouble,
    lesson: fault.lesson,
    better: fault.better,
  })
  return [
    `${s.introduce(fault)} ${s.introduceFriend()}`,
    s.say(
      '[Every summer there was {a contest} {at}.|One day there was to be {a contest} {at}.] The [prize|first prize] was {a treasure}. [Everyone wanted to win it.|{hero} wanted it more than anything.] {friend} practised every day. {hero} {deed}. "[I will win anyway|I do not need to practise|That is easy]," said {hero}.',
    ),
    s.say(
      'Then the day came. [{Weather}.|All the people of the village were there.] Everyone had to {verb}. [At first all went well for {hero}.|{hero} began before the others.] But then {trouble}! [Some people laughed.|Everyone gasped.|{hero} did not know what to do.] {He} had [not practised|never thought of that|nobody to help {him}], and {he} [sat down on the ground|wanted to run away|stamped {his} foot].',
    ),
    s.say(
      '[{friend} saw it.|{friend} was in front, and stopped.|Then somebody stood beside {him}. It was {friend}.] "[Come|Get up|Do not give up]," said {fhe}. "[We can do it together.|I will help you.|You can use mine.]" And {friend} helped {him}, although {fhe} might have won by then.',
    ),
    s
      .say(
        '[Somebody else won the {treasure}|The {treasure} went to {an elder}] that day. [But the judge had seen everything|But people clapped for {friend} and {hero} longest of all], and {friend} was given {a food} [as big as a hat|with {his} name on it|for being a good friend].',
      )
      .replace('{his} name', s.say('{fhis} name')),
    s.say(
      '{hero} [thought about it all night|was quiet on the way home]. {He} had learned {lesson}. [From that day on {he} {better}.|The next morning {he} went to {friend} and said, "I am sorry. Thank you." And from then on {he} {better}.]',
    ),
  ]
}

const fear: Plot = s => {
  const f = pick(words.fears, s.random)
  const reason = pick(
    [
      'the little {small} of {friend} had run away, and it was heard crying in {where}',
      '{friend} had gone to {where} and had not come back',
      'somebody was calling for help from {where}',
      'the {treasure} that {friend} loved was in {where}',
    ],
    s.random,
  )
  s.set({ fear: f.of, where: f.place, sign: f.sign, small: pick(words.smallAnimals, s.random) })
  s.set({ reason: s.say(reason) })
  return [
    `${s.introduce(pick(words.goodTraits, s.random))} ${s.say('But {he} was afraid of {fear}. {He} {sign}. [Nobody knew about it but {his} {relative}.|The others teased {him} for it.|{He} was ashamed of it.]')}`,
    `${s.introduceFriend()} ${s.say('"[Everyone is afraid of something|One day you will not be afraid any more|Being brave means being afraid and going all the same]," {friend} used to say.')}`,
    `${s.morning()} ${s.say('[Suddenly there was a shout.|Then something happened.|But nothing stayed as it was that day.] {Reason}. [All the grown-ups were at the {place2}.|There was nobody else who could go.|There was no time to fetch help.]')}`,
    s.say(
      '{hero} stood before {where}. {His} [knees shook|heart was pounding|hands were cold]. {He} thought of {fear} and wanted to run home. Then {he} thought of {friend}. {hero} {deed}. [One step. Then another. Then a third.|"I am afraid," {he} said aloud, "and I am going all the same."]',
    ),
    s.say(
      '[It was not half as bad as {he} had thought.|And see, nothing bad happened.|After a while {he} forgot to be afraid.] {hero} [came back with dirty knees and a big smile|did what had to be done and came out again], and {friend} [hugged {him}|could hardly believe it|jumped for joy]. "You did it!" [cried|said] {friend}.',
    ),
    s.say(
      '[That night {he} slept without a light.|{hero} is still a little afraid of {fear}. But now {he} knows what to do about it.|"Were you not afraid?" asked {his} {relative}. "I was," said {hero}, "but not too much."]',
    ),
  ]
}

const brokenThing: Plot = s => {
  const thing = pick(
    [
      'blue vase',
      'big mirror',
      'clock on the wall',
      'glass bowl',
      'flower pot',
      'lamp',
      'tea pot',
      'window of the shed',
      'painted plate',
      'chair',
    ],
    s.random,
  )
  s.set({ thing, blamed: pick(['the cat', 'the wind', 'the dog', 'a bird'], s.random) })
  return [
    s.introduce(pick(words.goodTraits, s.random)),
    `${s.morning()} ${s.say('{hero} was playing with {his} {treasure}, although {his} {relative} had said, "[Not in the house!|Please play outside.|Be careful with that.]" [Then there was a crash.|Bang!|Suddenly something fell.] The {thing} lay on the floor, broken[ in a hundred pieces||]. It was the {thing} that {his} {relative} loved.')}`,
    s.say(
      '{hero} [looked around|held {his} breath]. Nobody had seen it. {He} [swept the pieces under the carpet|hid the pieces in a box|put the pieces behind the curtain] and ran to the {place}. In the evening {his} {relative} asked, "[Who has done this?|What happened to my {thing}?|Where is my {thing}?]" "It was {blamed}," said {hero}, and {his} face grew hot.',
    ),
    s.say(
      'That night {hero} could not sleep. [{His} stomach hurt.|The lie lay on {his} chest like a stone.|{He} turned from one side to the other.] {He} told {friend}, {a fkind}, about it in the morning. "[What shall I do?|Nobody will ever know.]" {friend} thought for a while. "[You know|The truth is heavy only until you say it|A broken thing can be mended, and so can this]," said {fhe}. "[Tell the truth.|Go and say it.|I will come with you.]"',
    ),
    s.say(
      'So {hero} went home. "It was not {blamed}," {he} said [in a small voice|and looked at the floor|very quickly]. "It was me. I am sorry." {His} {relative} was quiet for a moment. Then {he2} said, "[I am sad about the {thing}. But I am glad that you told me.|Thank you for telling the truth. That was hard.|I knew it. I was waiting for you to tell me.]"'.replace(
        '{he2}',
        /mother|aunt|sister/.test(s.values.relative!) ? 'she' : 'he',
      ),
    ),
    s.say(
      'Together they [glued the pieces|picked up the pieces and made a picture of them|carried the pieces to {an elder}, who mended it]. [One could still see the cracks, but {hero} liked it better so.|It was not as good as new. But it was theirs.] And that night {hero} slept [like a stone|deeply and well|until the sun was high].',
    ),
  ]
}

const sharing: Plot = s => [
  `${s.introduce(pick(words.goodTraits, s.random))} ${s.introduceFriend()}`,
  `${s.morning()} ${s.say('{His} {relative} gave {hero} {a food}[, still warm| and a kiss| for the way]. "[It is the last one|There is only this one]," said {his} {relative}. {hero} [put it into {his} bag|wrapped it in a cloth] and went to the {place}.')}`,
  s.say(
    '[On the way|At the bridge|By the gate] {he} met {an elder} who [had not eaten since yesterday|looked tired and hungry|sat on a stone and sighed]. {hero} looked at the {food}. It smelled so good! [{He} thought for a while.|{He} swallowed.] Then {he} broke it in two and gave one half away. "Thank you," said the {elder}. "[Take this in return|I have nothing but this|It may be useful to you]," and gave {him} {a treasure}.',
  ),
  s.say(
    'At the {place} sat {friend}, crying. "[I have lost my lunch|My brothers ate everything|I fell, and my basket rolled into the river]," {fhe} said. {hero} had only half of the {food} left. {He} broke it in two once more. [Now everyone had a little.|It was only a bite for each of them, but it tasted wonderful.]',
  ),
  s.say(
    'When they had eaten, {hero} showed {friend} the {treasure}. "[That is what I have always wished for|I know that one|How beautiful]!" cried {friend}. [They played with it all day long.|They took turns, and nobody won and nobody lost.] And in the evening the {elder} came by with a whole basket of {food2}. "For the one who shares," said the {elder}.'.replace(
      'basket of {food2}',
      'basket of good things',
    ),
  ),
  s.say(
    '[{hero} was full for the first time that day.|There was enough for all of them, and some was left for the birds.] [Half of something is sometimes more than all of it.|"Tomorrow," said {friend}, "I will bring something for you."]',
  ),
]

const seed: Plot = s => {
  const impatient = s.chance(0.5)
  s.set({ seed: pick(words.seeds, s.random) })
  const trait = impatient ? words.badTraits[4]! : words.goodTraits[0]!
  return [
    `${s.introduce(trait)} ${s.say('One day {an elder} gave {him} {a seed} seed[, small and hard as a stone|, no bigger than a tooth|]. "[Plant it|Put it into the earth]," said the {elder}, "[and give it water, and time.|and wait. That is all.|and do not forget it.]"')}`,
    s.say(
      '{hero} [dug a hole|made a little hole with one finger] behind the house, put the seed in and covered it with earth. {He} fetched water from the {place}. Then {he} sat down to watch. [Nothing happened.|A beetle came by. Nothing else happened.]',
    ),
    impatient
      ? s.say(
          'The next day {hero} dug the seed up again, to see [whether it had grown|what it was doing|if it was still there]. It had not. {friend}, {a fkind} who lived nearby, saw it. "[Leave it alone|It cannot grow if you look at it all the time|It is sleeping]," said {fhe}. "[Let us play in the meantime.|Come with me to the {place2}.]" It was hard, but {hero} went.',
        )
      : s.say(
          '[Day after day|Every morning] {hero} came with {his} can. "[There is nothing there|You are watering mud]!" laughed {friend}, {a fkind} who lived nearby. "[Not yet|You will see]," said {hero}, and {deed}.',
        ),
    s.say(
      'It rained for a week. Then the sun came out. [One morning|On the tenth day], there was a tiny green [tip|leaf|hook] in the earth. {hero} [shouted for joy|ran to fetch {friend}|did not dare to breathe]. It grew as high as a thumb, then as high as a knee. One night [a storm came up|there was a frost|the goats broke into the garden], and {hero} [got up and put a basket over it|tied it to a stick|stayed awake to guard it].',
    ),
    s.say(
      '[In the summer|When the days grew short|At the end of August], the plant was taller than {hero}. [There was so much to pick that two baskets were not enough.|It was the finest {seed} that anyone had seen.] {He} gave some to {friend} and some to the {elder}, and {he} kept one thing for {himself}: a single seed, for next year.'.replace(
        '{himself}',
        `${s.values.him}self`,
      ),
    ),
  ]
}

const wayHome: Plot = s => {
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

const present: Plot = s => {
  const material = pick(
    ['wood', 'paper', 'wool', 'clay', 'shells', 'feathers', 'acorns', 'old buttons'],
    s.random,
  )
  s.set({ material, gift: pick(words.treasures, s.random) })
  return [
    `${s.introduce(pick(words.goodTraits, s.random))} ${s.introduceFriend()}`,
    s.say(
      'Soon it would be the birthday of {friend}. "[What do you wish for|What would you like]?" asked {hero}. "[Oh, nothing|I do not know]," said {friend}, but {hero} had seen how {fhe} looked at {a gift} in the window of the shop. {hero} counted {his} money. It was [one coin|two coins and a button|nothing but a button].',
    ),
    s.say(
      '"[I will earn it|Then I shall work for it]," {hero} thought. {He} went to {an elder} and [swept the yard|carried water|picked apples|fed the hens] for a whole day. [For that {he} got three coins.|The {elder} gave {him} three coins.] But when {he} came to the shop, the {gift} was gone. Somebody else had bought it!',
    ),
    s.say(
      '{hero} sat down by the {place} and [did not know what to do|cried a little]. Then {he} saw that there was {material} lying about, [as much as one could carry|more than anyone needed]. {hero} {deed}. {He} [cut and glued and painted|worked] for three evenings, until the lamp went out. {He} made {a gift}, not as fine as the one in the shop, but with the name of {friend} on it.'
        .replace(
          'there was {material} lying',
          `there ${/s$/.test(material) ? 'were' : 'was'} {material} lying`,
        )
        .replaceAll('{material}', material),
    ),
    s.say(
      'The birthday came. There was {a food}, and there were songs. {friend} [opened the parcel|tore off the paper] and said nothing at all. "[Do you not like it|Is it wrong]?" asked {hero}. "[Like it?|Wrong?]" said {friend}. "It is the only one in the world. [The one in the shop was for everybody. This is for me.|You made it for me!]"',
    ),
    s.say(
      '[It stands by {fhis} bed to this day.|{friend} took it everywhere from then on.] And for the three coins {hero} bought {a food2}, and they [shared it|ate it together on the steps].',
    ),
  ]
}

const newcomer: Plot = s => {
  s.set({
    skill: pick(
      [
        'whistle with two fingers',
        'walk on {fhis} hands',
        'draw horses that looked alive',
        'fold ships out of paper',
        'tell stories about the sea',
        'play the flute',
        'find four-leaved clovers',
        'throw a stone across the river',
        'name every star',
      ],
      s.random,
    ),
  })
  s.set({ skill: s.say(s.values.skill!) })
  return [
    s.introduce(pick(words.goodTraits, s.random)),
    s.say(
      'One day somebody new came to the {place}: {a fkind} called {friend}. {friend} [stood by the gate and said nothing|sat alone on the wall|looked at {fhis} feet]. "[Who is that|What does that one want here]?" [whispered|asked] the others. "[We do not need anyone else|Do not talk to {fhim}]." And they went on playing.',
    ),
    s.say(
      '{hero} [played, too, but {he} kept looking over|had been new once, and remembered how that was]. The next day {friend} was there again, alone. {hero} {deed}. Then {he} went over and said, "[Hello. I am {hero}|Would you like half of my {food}|Do you want to see my {treasure}]." {friend} smiled a very small smile.',
    ),
    s.say(
      'They [ate together|talked until the bells rang]. {friend} came from {a fhome} far away, and {fhe} could {skill}. {hero} had never seen anything like it. "[Can you teach me|Show me again]!" said {hero}. [Soon the others came nearer.|One by one, the others came to watch.] "[Me, too|Us, too]!" they said.',
    ),
    s.say(
      'By the evening everyone at the {place} wanted to {skill}. [They laughed until they could not stand.|Nobody could do it yet, but that did not matter.] "[Will you come back tomorrow|You are coming tomorrow, are you not]?" asked those who had not wanted to talk to {fhim}. {friend} looked at {hero}. "[If {hero} comes, too|Yes]," said {fhe}.'.replace(
        'wanted to {skill}',
        `wanted to ${s.values.skill!.replace(new RegExp(`\\b${s.values.fhis}\\b`, 'g'), 'their')}`,
      ),
    ),
    s.say(
      '[That was many years ago. They are friends to this day.|And when, a year later, someone new stood by the gate, it was {friend} who went over first.]',
    ),
  ]
}

const trickster: Plot = s => {
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

const journey: Plot = s => {
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

const borrowed: Plot = s => {
  const [damage, mending] = pick(
    [
      [
        'fell into a puddle and was covered with mud',
        'washed it, dried it by the stove and rubbed it until it shone',
      ],
      ['lost a little piece that rolled away', 'crawled under every bench until the little piece was found'],
      ['got a long scratch', 'went to the painter and asked for a drop of paint'],
      ['came apart in two', 'sat up late with glue and string until it held again'],
    ] as const,
    s.random,
  )
  s.set({ damage, mending, lender: pick(words.elders, s.random) })
  return [
    `${s.introduce(pick(words.goodTraits, s.random))} ${s.introduceFriend()}`,
    s.say(
      'The {lender} had {a treasure}, [the finest in the village|older than anyone could remember]. "May I borrow it, [just for today|until the sun goes down]?" asked {hero}. "[Bring it back as you got it|Promise to take care of it]," said the {lender}. "I promise," said {hero}.',
    ),
    `${s.morning()} ${s.say('{hero} and {friend} took the {treasure} to the {place}. [They had never had so much fun.|Everyone wanted to see it.] But in the middle of it all, the {treasure} {damage}. {friend} [turned pale|put both hands before {fhis} mouth]. "[Let us just put it before the door and run|We can say that it was like that before]," {fhe} whispered.')}`,
    s.say(
      '{hero} thought of the promise. "[No|I cannot do that]," {he} said. {He} {deed}. {He} {mending}. [It took all afternoon|The others had long gone home], and {friend} stayed and held the light.',
    ),
    s.say(
      'Then {he} knocked at the door of the {lender}. "Here is your {treasure}," said {hero}. "[Something happened to it today. I have mended it as well as I could|It is not quite as it was, and that was me]." The {lender} turned it over and over and [looked at it from all sides|held it up to the lamp]. "[I can see it|One can hardly see it]," said the {lender}. "And I can see that a promise is safe with you."',
    ),
    s.say(
      '[From then on {hero} could borrow whatever {he} liked.|"Next time," said the {lender}, "you may keep it for a week."] [{friend} never forgot that day.|And {friend}? {Fhe} never again wanted to run away.]',
    ),
  ]
}

const winter: Plot = s => {
  const lazy = words.badTraits[3]!
  s.set({ store: pick(['nuts', 'firewood', 'apples', 'hay', 'potatoes', 'dried mushrooms'], s.random) })
  return [
    `${s.introduce(lazy)} ${s.introduceFriend()}`,
    s.say(
      'It was summer, and the days were long. {friend} got up early every morning and gathered {store} for the winter. {hero} lay in the grass by the {place}. "[Come and swim!|Why do you work?|Winter is far away!]" {he} called. "[Winter comes every year|It is coming, whether we think of it or not]," said {friend}, and went on.',
    ),
    s.say(
      'In the autumn the leaves turned yellow. The {store} of {friend} filled [the whole shed|three big baskets|the cellar up to the roof]. {hero} had [one basket, half full|as much as fits into a hat|nothing at all]. "[Tomorrow|Later|After my nap]," {he} said, and {deed}.',
    ),
    s.say(
      'Then, one night, the snow came. It snowed for three days. {hero} looked at what {he} had. [It was gone after a week.|It was not much.] The wind blew through the cracks, and {he} was [cold and hungry|hungry and ashamed]. At last {he} put on {his} scarf and walked through the deep snow to the home of {friend}.',
    ),
    s.say(
      '{friend} opened the door. {Fhe} did not say, "I told you so." {Fhe} said, "[Come in and warm yourself|Sit down by the fire]." There was {a food}, and there was enough of the {store} for two. {hero} [could not look up|held the cup with both hands]. "[Why do you help me|Why do you share it with me]?" {he} asked. "[Because you are my friend|It tastes better together]," said {friend}, "and because you will help me next summer."',
    ),
    s.say(
      'And so it was. When summer came, there were two who got up early. [They worked in the morning and swam in the afternoon.|They sang while they worked.] {hero} had learned that later comes sooner than you think.',
    ),
  ]
}

const plots: readonly Plot[] = [
  borrowed,
  winter,
  lostThing,
  helpReturned,
  contest,
  fear,
  brokenThing,
  sharing,
  seed,
  wayHome,
  present,
  newcomer,
  trickster,
  journey,
]

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
