// What stories are made of. Everything here may meet everything else that it is chosen with: a thing is small enough to
// carry and lose, a place can be walked to, a trait shows in deeds.

const list = (text: string): readonly string[] =>
  text.split(',').map(item => item.trim().replace(/\s+/g, ' '))

export const girls = list(
  `Lily, Mia, Anna, Rosa, Ella, Nora, Zoe, Ruby, Clara, Ivy, Hana, Maya, Tess, Lucy, Emma, Sofia, Grace, Alma, Freya,
  Wren, Daisy, Olive, June, Pia, Leni, Kira, Amina, Yuki, Noor, Carla, Dora, Edith, Flora, Gwen, Holly, Ines, Jana,
  Lena, Mila, Nina, Opal, Pearl, Rita, Selma, Tilda, Una, Vera, Willa, Thea, Bella, Ada, Agnes, Alice, Astrid,
  Aylin, Beth, Bianca, Cora, Dalia, Delia, Elif, Elsa, Erika, Esme, Fatima, Fiona, Frida, Gina, Greta, Hazel, Heidi,
  Hilda, Ida, Iris, Isabel, Jade, Josie, Judith, Karla, Katja, Kim, Lara, Leila, Linda, Lotte, Luna, Mabel, Magda,
  Mara, Matilda, Meg, Mina, Molly, Nadia, Naomi, Nell, Petra, Polly, Robin, Rosalie, Sara, Sina, Stella, Suki,
  Sylvia, Tara, Tina, Ursula, Violet, Wanda, Yara, Zelda`,
)
export const boys = list(
  `Tom, Ben, Max, Leo, Sam, Finn, Jack, Noah, Oscar, Theo, Hugo, Milo, Eli, Otto, Felix, Adam, Karl, Omar, Ravi,
  Kenji, Luis, Marco, Nils, Pablo, Quinn, Rufus, Simon, Toby, Uri, Viktor, Walt, Yusuf, Arlo, Bruno, Caleb, Dan,
  Emil, Frank, George, Henry, Ivan, Jonas, Kofi, Liam, Mateo, Ned, Owen, Peter, Ron, Tim, Abel, Albert, Ali, Alvin,
  Anton, Axel, Barney, Basil, Bert, Boris, Carlo, Chen, Clemens, Cyril, David, Diego, Edgar, Erik, Ernest, Fabian,
  Fred, Gabriel, Gustav, Hassan, Hector, Igor, Isaac, Jakob, Jamal, Joel, Joris, Julian, Kai, Kurt, Lars, Lenny,
  Linus, Lorenz, Malik, Martin, Mika, Moritz, Nico, Niko, Oliver, Pavel, Percy, Philip, Raul, Rico, Robert, Samir,
  Stefan, Sven, Tariq, Tobias, Victor, Wilbur, Xaver, Yannick, Zach`,
)
/** Kinds of animals that have stories of their own. */
export const animals = list(
  `rabbit, fox, bear, hedgehog, squirrel, mouse, otter, owl, badger, frog, duck, beaver, deer, goat, donkey, kitten,
  puppy, pony, lamb, turtle, mole, crow, goose, hen, piglet, raccoon, penguin, seal, elephant, lion, monkey, parrot,
  wolf cub, sheep, calf, cat, dog, swan, pigeon, raven, stork, crane, sparrow, hamster, guinea pig, weasel, lynx,
  hare, camel, zebra, giraffe, hippo, koala, kangaroo, panda, tiger, walrus, dormouse, bat, toad, lizard,
  salamander, peacock, rooster, chick, pelican, swallow`,
)
/** Small ones that can be in trouble and be helped. */
export const smallAnimals = list(
  `bird, mouse, bee, beetle, butterfly, kitten, duckling, hedgehog, frog, snail, squirrel, ladybug, sparrow, rabbit,
  turtle, cricket, fish, owl chick, lizard, mole, ant, caterpillar, dragonfly, firefly, grasshopper, worm, spider,
  moth, chick, tadpole, wren, finch, robin, blackbird, dormouse, bat, newt, crab, starfish, hamster, gosling, fawn,
  kid, piglet, lamb`,
)

export interface Trait {
  /** As in: a ... girl. */
  readonly word: string
  /** Said of the hero: he or she ... */
  readonly habit: string
  /** What it leads to when things get hard; `{hero}` and pronouns. */
  readonly deed: string
}

export const goodTraits: readonly Trait[] = [
  {
    word: 'patient',
    habit: 'could wait for a very long time without a word',
    deed: 'took {his} time and did not hurry',
  },
  {
    word: 'brave',
    habit: 'was not afraid of thunder or of the dark',
    deed: 'took a deep breath and went on',
  },
  {
    word: 'curious',
    habit: 'asked a hundred questions every day',
    deed: 'looked closely at every little thing',
  },
  {
    word: 'careful',
    habit: 'always looked twice before taking a step',
    deed: 'went slowly, one step at a time',
  },
  { word: 'clever', habit: 'liked riddles more than cake', deed: 'thought hard until there was a plan' },
  {
    word: 'kind',
    habit: 'could not see anyone cry without stopping',
    deed: 'listened to {his} heart',
  },
  {
    word: 'stubborn',
    habit: 'never gave up, not even when everybody else had gone home',
    deed: 'would not give up',
  },
  {
    word: 'cheerful',
    habit: 'hummed a song from morning to night',
    deed: 'hummed a little song to keep up {his} courage',
  },
  {
    word: 'gentle',
    habit: 'spoke to the flowers and never shouted',
    deed: 'spoke softly until everything was calm',
  },
  {
    word: 'thoughtful',
    habit: 'sat on the steps in the evening and thought about the day',
    deed: 'sat down and thought it over from the beginning',
  },
  { word: 'quick', habit: 'was always the first at the corner', deed: 'lost no time at all' },
  {
    word: 'honest',
    habit: 'could not tell a lie without hiccups',
    deed: 'said what was in {his} heart',
  },
  {
    word: 'dreamy',
    habit: 'saw ships and dragons in every cloud',
    deed: 'closed {his} eyes and imagined how it could be done',
  },
  {
    word: 'hard-working',
    habit: 'was up before the rooster crowed',
    deed: 'rolled up {his} sleeves and set to work',
  },
  {
    word: 'inventive',
    habit: 'could make something out of every piece of string',
    deed: 'tried one idea, and another, and a third',
  },
  {
    word: 'polite',
    habit: 'said good morning even to the lamp posts',
    deed: 'bowed and asked for advice',
  },
  {
    word: 'merry',
    habit: 'could make a stone laugh',
    deed: 'made a joke, and everything seemed easier',
  },
  { word: 'quiet', habit: 'heard things that nobody else heard', deed: 'stood very still and listened' },
  {
    word: 'tidy',
    habit: 'put everything back in its place',
    deed: 'went over everything once more, one thing after the other',
  },
]

/** Traits that must be unlearnt. */
export const badTraits: readonly (Trait & { readonly lesson: string; readonly better: string })[] = [
  {
    word: 'careless',
    habit: 'left things lying wherever they fell',
    deed: 'did not look and did not think',
    lesson: 'to take care of things',
    better: 'put everything away before going to bed',
  },
  {
    word: 'proud',
    habit: 'told everyone who was the best',
    deed: 'laughed and would not listen',
    lesson: 'that nobody is the best at everything',
    better: 'clapped for the others first',
  },
  {
    word: 'greedy',
    habit: 'never left a crumb for anyone',
    deed: 'took all of it at once',
    lesson: 'that half of something shared tastes better than all of it alone',
    better: 'cut every cake into equal pieces',
  },
  {
    word: 'lazy',
    habit: 'said "later" to everything',
    deed: 'lay down in the shade instead',
    lesson: 'that later comes sooner than you think',
    better: 'did the work first and played afterwards',
  },
  {
    word: 'impatient',
    habit: 'could not wait for anything',
    deed: 'pulled and pushed and would not wait',
    lesson: 'that some things need time',
    better: 'counted to twenty, slowly, and smiled',
  },
  {
    word: 'bossy',
    habit: 'told everybody what to do',
    deed: 'shouted orders until the others went away',
    lesson: 'to ask and not to order',
    better: 'said "please" and waited for an answer',
  },
]

/** Things that can be carried, loved and lost. */
export const treasures = list(
  `red ball, blue kite, wooden boat, toy train, silver whistle, yellow scarf, green hat, small drum, glass marble,
  tin soldier, rag doll, brass bell, paper lantern, music box, picture book, magnifying glass, stuffed bear,
  toy rabbit, wooden horse, striped umbrella, golden key, compass, little flute, pocket mirror, woollen glove,
  red shoe, paint box, jump rope, shell necklace, wind-up mouse, feather pen, button box, spinning top,
  white pebble, spyglass, map, tin trumpet, velvet cap, leather belt, ivory comb, china cat, clay pipe,
  walking stick, woollen blanket, pearl button, pocket watch, pocket knife, ink bottle, carved owl, glass bead,
  crystal bowl, straw hat, purple ribbon, kaleidoscope, chess set, puzzle, rubber duck, paper dragon,
  kite with a long tail, bow and arrows, wooden sword, cardboard crown, hourglass, weathercock, snow globe,
  bird whistle, rocking chair, lucky coin, seashell, patchwork quilt, nutcracker, watering can, magnet, pinwheel,
  sketch book, butterfly net, tambourine, harmonica, jar of marbles, pair of binoculars, tortoise comb,
  copper kettle, silk handkerchief, raincoat, alarm clock, lamp with a green shade, postcard, stamp album,
  set of dominoes, wooden puppet`,
)
/** Things that a hero may wish for. */
export const wishes = list(
  `bicycle, sled, tree house, garden, puppy, boat, telescope, violin, pair of skates, swing, aquarium, camera, tent,
  guitar, fishing rod, hammock, drum, sailing boat, pony, piano, canoe, accordion, trumpet, rocking horse, bookcase,
  workshop, greenhouse, donkey, hot-air balloon, globe, typewriter, wagon, trampoline, chess board, easel, raft,
  treasure map, puppet theatre, football, toolbox, parachute, microscope, train set, pair of roller skates, kennel,
  bird house, weather station`,
)
export const foods = list(
  `apple, pear, plum, carrot, bun, pancake, honey cake, cheese sandwich, bowl of soup, biscuit, cherry pie, nut,
  slice of bread, cookie, jam tart, corn cob, potato, strawberry, pretzel, melon, peach, muffin, bowl of porridge,
  raisin roll, dumpling, waffle, fig, apricot, banana, orange, bag of chestnuts, omelette, cream puff,
  poppy-seed cake, gingerbread heart, bowl of rice pudding, cup of cocoa, grilled fish, sausage roll, baked apple,
  lemon tart, almond biscuit, slice of watermelon, walnut loaf, pot of jam, dish of noodles, boiled egg,
  piece of cheese, handful of raisins, blueberry pie, cinnamon bun, turnip stew, tomato, radish, piece of chocolate,
  jar of pickles, toffee apple, doughnut`,
)
/** Where one lives or comes from. */
export const homes = list(
  `small house at the edge of the village, cottage by the river, tall house in the town, farm on the hill,
  little flat above the bakery, wooden hut in the forest, white house by the sea, mill beside the stream,
  caravan in the meadow, stone house in the mountains, houseboat on the canal, old lighthouse, windmill on the dyke,
  castle tower, shepherd's hut on the moor, room above the stable, railway carriage in the orchard,
  inn at the crossroads, palace with a leaking roof, crooked house in the narrow lane, bakery in the old town,
  tent in the desert, log cabin by the lake, school house on the island, post office at the end of the road,
  toll house by the bridge, greenhouse full of ferns`,
)
export const animalHomes = list(
  `burrow under the oak, cave behind the waterfall, hollow tree, nest of leaves, den between the rocks,
  hut of twigs by the pond, hole in the old wall, cosy barn, house of moss, reed hut by the lake,
  tunnel under the vegetable garden, loft above the mill, basket by the stove, stable behind the inn,
  nest on the chimney, crack in the garden wall, bush of brambles, old boot by the fence, kennel with a red roof,
  cage without a door, lair in the ravine, tree stump in the clearing, puddle behind the waterworks`,
)
/** To be walked to; after "to the". */
export const places = list(
  `park, forest, beach, market, pond, meadow, library, harbour, old bridge, orchard, river, hill, playground, field,
  garden, train station, castle ruin, lake, village square, barn, windmill, well, cornfield, island, bakery, valley,
  museum, theatre, zoo, swimming pool, mountain hut, marsh, moor, cliff, cave, desert, waterfall, vineyard,
  churchyard, town hall, fountain, quarry, canal, railway bridge, post office, stable, meadow behind the school,
  crossroads, sawmill, greenhouse, fairground, pier, dunes, pasture, hedge maze, glade, spring, ferry landing,
  football field, cinema, shipyard, pine wood`,
)
/** Where something may lie; whole phrases. */
export const hidingPlaces = list(
  `under the bench, behind the big stone, in the tall grass, between the roots of the oak, under the bridge,
  on top of the wall, inside the hollow log, beside the fountain, under a pile of leaves, behind the bushes,
  in the empty boat, at the foot of the stairs, in the hay, near the old gate, under the apple tree,
  beside the well, in the sandbox, on the window sill, behind the shed, inside the watering can, behind the curtain,
  under the carpet, in the umbrella stand, between two haystacks, in the rain barrel, on the roof of the hen house,
  behind the third fence post, in the pocket of the scarecrow, below the stone steps, under an upturned bucket,
  in the wheelbarrow, behind the milk cans, in a bird's nest, at the edge of the well, in the ivy,
  under a cabbage leaf, behind the signpost, in the drawer of the garden table, next to the beehives,
  in the fork of the willow, behind a stack of flower pots, among the reeds, on the window ledge,
  inside an old wardrobe, under the ferns`,
)
export const weathers = list(
  `the sun was shining, it was a windy day, it had rained all night, snow lay on the roofs, the sky was grey,
  it was warm and still, fog hung over the fields, leaves were falling, the first flowers were out,
  it was so hot that the air trembled, the wind sang in the chimney, the morning was cold and clear,
  the air smelled of rain, a rainbow stood over the hills, the swallows flew low, dew lay on every blade of grass,
  icicles hung from the gutter, thunder rolled in the distance, the clouds looked like a flock of sheep,
  a mild breeze came from the south, the chestnuts were in bloom, the puddles were frozen,
  hail had beaten down the flowers, the moon was still in the sky, bees were humming in the clover,
  the river had risen, everything was covered with hoarfrost, dust whirled over the road,
  the first snowflakes danced before the window, the swifts screamed above the roofs, mist rose from the water,
  it drizzled without end`,
)
export const relatives = list(
  `mother, father, grandmother, grandfather, aunt, uncle, big sister, big brother, great-aunt, godmother, godfather,
  cousin, stepmother, stepfather`,
)
export const elders = list(
  `old woman, old man, fisherman, baker, farmer, gardener, shepherd, miller, ferryman, blacksmith, teacher,
  librarian, carpenter, beekeeper, postman, clockmaker, sailor, tailor, potter, painter, doctor, nurse, innkeeper,
  mayor, watchmaker, cobbler, weaver, hunter, charcoal burner, gatekeeper, conductor, captain, violin maker,
  night watchman, chimney sweep, basket maker, glassblower, stonemason, plumber, engine driver, organ grinder,
  tightrope walker, magician, cook, dairymaid, goose girl, washerwoman, seamstress, midwife, queen, king, professor,
  astronomer, bookseller, florist, grocer, butcher, goldsmith, locksmith, bricklayer, forester, acrobat,
  bell ringer, hermit, lighthouse keeper, ice-cream seller, cheesemaker, hatter, puppeteer, saddler`,
)
export const colours = list(
  `red, blue, green, yellow, purple, orange, white, silver, golden, pink, brown, turquoise, grey, black, violet,
  scarlet, crimson, beige, copper-coloured, lilac`,
)
export const seeds = list(
  `sunflower, bean, pumpkin, apple, tomato, melon, cherry, rose, pea, cucumber, strawberry, tulip, corn, carrot,
  radish, poppy, marigold, lemon, pear, plum, lettuce, onion, nasturtium, lavender, courgette`,
)
export const fears = [
  { of: 'the dark', place: 'the cellar', sign: 'hid under the blanket as soon as the lamp went out' },
  { of: 'deep water', place: 'the lake', sign: 'never went in further than the ankles' },
  { of: 'high places', place: 'the top of the tower', sign: 'held on to the rail on every stair' },
  { of: 'thunder', place: 'the open field', sign: 'crept under the table when clouds came up' },
  { of: 'big dogs', place: 'the farm yard', sign: 'crossed the street whenever one barked' },
  {
    of: 'speaking in front of people',
    place: 'the stage of the school',
    sign: 'turned red when anyone asked a question',
  },
  {
    of: 'the old forest',
    place: 'the path between the firs',
    sign: 'walked all the way around it to get to school',
  },
  { of: 'swings', place: 'the big swing', sign: 'always let the others go first' },
] as const
export const contests = [
  { name: 'race', verb: 'run', at: 'from the gate to the old oak', trouble: 'a shoe came off in the mud' },
  {
    name: 'boat race',
    verb: 'sail a boat',
    at: 'across the pond',
    trouble: 'the sail got stuck in the reeds',
  },
  {
    name: 'baking contest',
    verb: 'bake a cake',
    at: 'on the village square',
    trouble: 'the cake burned on one side',
  },
  {
    name: 'painting contest',
    verb: 'paint a picture',
    at: 'in the school hall',
    trouble: 'the water spilled over the paper',
  },
  {
    name: 'singing contest',
    verb: 'sing a song',
    at: 'at the summer fair',
    trouble: 'the words of the second verse were gone',
  },
  { name: 'kite contest', verb: 'fly a kite', at: 'on the hill', trouble: 'the string broke' },
  {
    name: 'sandcastle contest',
    verb: 'build a castle',
    at: 'on the beach',
    trouble: 'a wave washed away the tower',
  },
  {
    name: 'snowman contest',
    verb: 'build a snowman',
    at: 'in front of the town hall',
    trouble: 'the head rolled down the hill',
  },
] as const
/** What an animal may be caught in, and how it comes free. */
export const troubles = [
  { state: 'was caught in a net', act: 'untied the knots one by one' },
  { state: 'had fallen into the water', act: 'held out a long branch' },
  { state: 'was stuck under a heavy stone', act: 'pushed the stone away with a stick' },
  { state: 'had a thorn in one foot', act: 'pulled the thorn out very gently' },
  { state: 'had fallen out of its nest', act: 'carried it back up in a hat' },
  { state: 'was shivering in the snow', act: 'warmed it under a coat' },
  { state: 'was trapped in a jar', act: 'turned the lid until it came off' },
  { state: 'had not eaten for two days', act: 'shared the last piece of bread with it' },
  { state: 'could not find its way home', act: 'walked with it until they saw its mother' },
] as const
/** For a soup; of each there is some. */
export const vegetables = list(
  `cabbage, celery, salt, pepper, garlic, bacon, barley, parsley, butter, cream, thyme, leek, spinach, cheese, rice,
  beetroot, fennel, turnip, lentil flour, sausage, basil, dill, ginger, chicken, corn, onion soup, horseradish,
  cauliflower, broccoli, chives, rosemary, sage, nutmeg, mustard, vinegar, saffron, noodles, honey`,
)
/** What machines are made of. */
export const parts = list(
  `springs and cogs, old bicycle wheels, a heap of tin cans, rusty pipes, copper wire, the legs of a table, broken
  clocks, planks and nails, a pair of bellows, rubber boots, strings and pulleys, an old mattress, kitchen spoons, glass
  bottles, half a piano, umbrella ribs, wooden spools, bent forks, a bathtub, leather belts, hinges and handles`,
)
