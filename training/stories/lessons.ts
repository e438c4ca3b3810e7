// Somebody learns something: about boasting, lying, promises, fear, patience.
import { pick } from '../grammar.ts'
import type { Plot } from './scene.ts'
import * as words from './words.ts'

export const contest: Plot = s => {
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

export const fear: Plot = s => {
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

export const brokenThing: Plot = s => {
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

export const borrowed: Plot = s => {
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

export const winter: Plot = s => {
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

export const seed: Plot = s => {
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
