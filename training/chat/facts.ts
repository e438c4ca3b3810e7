// What the model knows about torchless: its flags, chat commands and commands, and what may be asked of each. A row is what is
// typed | what it does | what one may want to do with it; ... | its default, where there is one.

/** Something that is typed. */
export interface Fact {
  readonly name: string
  /** With its argument. */
  readonly usage: string
  /** Said of it: it ... */
  readonly does: string
  readonly default?: string
  /** What one wants when one needs it: how do I ... */
  readonly how: readonly string[]
}

export const flags = facts(`
  --max-tokens N | sets the longest response, in tokens | limit the length of a response; get shorter responses; stop after some tokens
  --max-seq-len N | sets the context window for prompt, history and response | set the context window; change the context length; get a longer context | the length that the model was trained with
  --temperature T | sets how freely tokens are drawn, and 0 is greedy | set the temperature; make the output less random; get greedy output; always get the most likely token | 0.7
  --top-k K | draws from the K most likely tokens only | draw from the most likely tokens only; limit sampling to some tokens | off
  --top-p P | draws from the likeliest tokens that together have the share P | use nucleus sampling; sample from a share of the probability | off
  --min-p P | drops tokens less likely than P times the likeliest one | drop unlikely tokens; leave out tokens of low probability | off
  --repeat-penalty R | makes tokens that were just used less likely | stop the model from repeating itself; avoid repetition; punish repeated tokens | off
  --presence-penalty N | lowers tokens that were used at all | lower tokens that were used already | off
  --frequency-penalty N | lowers tokens by how often they were used | lower tokens by how often they occur | off
  --repeat-last-n N | sets how far back penalties look | set how far back penalties look | 64
  --seed N | makes the same draws again | get the same output again; set the seed; make the output repeatable | off
  --stop S | ends the response where the text S comes up | stop at a certain text; end the response at a word; set a stop text | off
  --ignore-eos | goes on after the end of the text | go on after the end of the text; ignore the end token | off
  --grammar FILE | holds the output to a GBNF grammar | use a grammar; hold the output to a grammar | off
  --json-schema FILE | holds the output to a JSON schema | get JSON output of a schema; use a JSON schema; get structured output | off
  --chat | starts an interactive chat | start a chat; chat with a model; talk to the model | off
  --system MSG | sets the system prompt | set the system prompt; give a system message | off
  --show-thinking | shows the reasoning of the model, dimmed | see what the model thinks; show the reasoning; see the thinking | off
  --thinking-budget N | closes the reasoning after N tokens | limit the thinking; keep the reasoning short | off
  --edit-format FORMAT | is search or whole: edit blocks or whole files | choose the format of edits; get whole files instead of edit blocks | chosen by the size of the model
  --no-constrained-edits | lets edit blocks be written freely | turn off constrained edits | off
  --backend NAME | chooses what computes: cpu, cuda, rocm, metal, opencl, webgpu, reference or auto | choose the backend; run on a GPU; use CUDA; run on the CPU | cpu
  --list-backends | lists every backend, its devices and which can be used | list the backends; see which devices can be used; see whether my GPU works
  --device N | chooses the device | choose the GPU; use the second GPU; choose a device | 0
  --gpu-memory-fraction F | sets how much of the memory of the GPU is used | limit the memory of the GPU; use less GPU memory | 0.9
  --gpu-layers N | sets how many layers the GPU computes | put some layers on the GPU; set the number of GPU layers | all that fit
  --threads N | sets the number of CPU threads | set the number of threads; use more threads; use fewer cores | the number of physical cores
  --numa | places memory and threads by NUMA node | use NUMA; place threads by NUMA node | off
  --lazy | keeps the weights on disk | keep the weights on disk; run a model larger than my memory; use less memory | off
  --lazy-memory SIZE | sets how much memory lazy weights may take | set the memory for lazy weights | 1.5G
  --kv-dtype T | sets the type of the key-value cache: f16, f32 or q8_0 | set the type of the KV cache; make the KV cache smaller | f16
  --speculative | drafts tokens from the context without a second model | use speculative decoding; draft without a second model; make generation faster | off
  --draft-model PATH | drafts tokens with a smaller model | draft with a smaller model; use a draft model | off
  --speculation-length N | sets how many tokens are drafted | set how many tokens are drafted | 5
  --no-flash-attention | turns flash attention off | turn off flash attention | off
  --flash-tile-size N | sets the tile size of flash attention | set the tile size of flash attention
  --parallel-mode M | splits the model: auto, tensor, pipeline or none | run over several GPUs; run a model in parallel; split a model | none
  --precision PRESET | requantizes while loading: full, balanced, memory or gpu | requantize while loading; load a model in less memory | as in the file
  --arch A | overrides the architecture that was detected | override the architecture | detected
  --format F | overrides the file format that was detected | override the file format | detected
  --tokenizer FILE | takes the tokenizer from a file | use another tokenizer; take the tokenizer from a file | the one of the model
  --list-models | lists the built-in model and those in the cache folder | list the models; see which models I have
  --socket PATH | starts a chat server on a Unix socket | start a chat server; serve chats on a socket | off
  --chat-save-root DIR | gives each user of the chat server a folder for saved chats | set the save folder of the chat server | off
  --no-echo | prints only what the model adds to the prompt | leave the prompt out of the output; print only what the model adds | off
  --json | prints JSON, one value a line where it streams | get JSON lines; read the output with a program | off
  --debug | shows stack traces and details | see more details of an error; get a stack trace | off
  --quiet | prints only the output | hide the progress; make torchless quiet | off
  --no-color | turns colours off, as NO_COLOR does | turn off colours; get output without colours | off
`)

export const chatCommands = facts(`
  /help | lists the commands of the chat | list the chat commands; get help in the chat
  /quit | leaves the chat, as /exit and /q do | leave the chat; quit; exit the chat; close the chat
  /clear | forgets the conversation | clear the conversation; start over; forget what we said
  /retry | makes the last reply again | get another reply; repeat the last reply; try the last answer again
  /context | shows how full the context is | see how full the context is; see how much context is left
  /settings | shows the settings of the chat | see the settings; show the settings of the chat
  /temperature T | sets the temperature in the chat | change the temperature in the chat
  /top-k K | sets top-k in the chat, or turns it off | change top-k in the chat
  /top-p P | sets top-p in the chat, or turns it off | change top-p in the chat
  /max-tokens N | sets the longest reply in the chat | change the longest reply in the chat
  /system MSG | sets the system prompt in the chat, or turns it off | change the system prompt in the chat
  /thinking | shows or hides the reasoning | show the reasoning in the chat; hide the thinking in the chat
  /save FILE | saves the conversation to a file | save the chat; save the conversation; keep this conversation
  /fullsave FILE | saves the conversation with its settings | save the chat with its settings; save the settings too
  /load FILE | loads a saved conversation | load a conversation; go on with a saved chat; open a saved chat
  /code | turns coding mode on or off | turn on coding mode; edit code in the chat; start coding mode
  /diff | shows the edits as diffs | see the edits; show the changes as a diff
  /apply | applies the edits to the files | apply the edits; write the changes to the files; accept the edits
  /discard | drops the edits | drop the edits; throw the changes away; reject the edits
  /undo | takes back the edits that were applied last | undo the edits; take back the last edits; undo the last change
  /model PATH | changes to another model | change the model in the chat; use another model in the chat
  /template NAME | changes the chat template | change the chat template
  /lazy | keeps the weights on disk from now on | keep the weights on disk in the chat
  @path | includes a file in a message; @path:10-50 includes its lines 10 to 50 | include a file in a message; show you a file; attach a file
`)

export const commands = facts(`
  torchless inspect MODEL | shows what a model file holds and the memory it needs | see what a model file holds; see how much memory a model needs; inspect a model
  torchless tokenize MODEL TEXT | prints the tokens of a text | see the tokens of a text; tokenize a text; count tokens
  torchless logits MODEL --prompt S | prints the logits after a prompt | see the logits; print the logits of a prompt
  torchless perplexity MODEL --file F | measures the perplexity of a model on a text | measure perplexity; see how well a model predicts a text
  torchless bench MODEL | measures tokens a second | measure the speed; benchmark a model; see how fast a model is
  torchless quantize IN OUT TYPE | writes a model in another quantization | quantize a model; make a model smaller
  torchless imatrix MODEL --file F OUT | writes an importance matrix | make an importance matrix
  torchless convert IN OUT | converts safetensors, GGUF and native files into each other | convert a model; convert safetensors to GGUF; make a GGUF file
  torchless template MODEL --messages FILE | shows the prompt that the chat template makes | see the chat prompt; test the chat template
  torchless pull hf:OWNER/REPO | downloads a model from Hugging Face | download a model; get a model from Hugging Face; pull a model
  torchless attach SOCKET | connects to a chat server | connect to a chat server; attach to a socket
  torchless serve MODEL | starts an OpenAI-compatible HTTP server | start an HTTP server; serve a model; use the OpenAI API
`)

/** Questions, and below them the answer that all of them have. */
export const answers = dialogues(`
  Who are you? / What are you? / What is your name? / Are you an AI? / Are you a human? / Tell me about yourself. / Introduce yourself. / Who am I talking to? / Which model are you?
    I am torchless-tiny, the small model that comes with torchless.
  What can you do? / What do you know? / How can you help me? / Can you help me? / What are you good at? / What can I ask you? / What should I ask you?
    I can tell short stories, add and subtract small numbers, make small edits of code, and answer questions about torchless.
  Who made you? / Who trained you? / Where do you come from? / How were you trained? / What were you trained on? / Who built you?
    I was trained for torchless, on texts that its own scripts make.
  How big are you? / How many parameters do you have? / How large are you? / What is your size?
    I have 4 million parameters, and my context is 512 tokens.
  What is torchless? / Tell me about torchless. / What does torchless do? / Explain torchless. / What is torchless for?
    torchless runs language models. It is written from scratch in TypeScript, with CPU kernels in C++.
  What licence has torchless? / Is torchless free? / Which licence does torchless have? / Is torchless open source? / What is the license of torchless?
    torchless has the MIT licence, and so have I.
  Which formats can torchless read? / Which file formats does torchless read? / Can torchless read GGUF? / Does torchless read safetensors? / What model files can I use?
    torchless reads GGUF, safetensors and its own native format.
  Which Node version do I need? / What does torchless need to run? / Which version of Node does torchless need?
    torchless needs Node 20 or newer.
  How do I see all flags? / How do I get help? / Which flags are there? / Where is the help? / List all flags.
    Use torchless --help. In a chat, type /help.
  How do I write several lines? / How do I type more than one line? / Can I enter several lines? / How do I make a new line in the chat?
    Begin and end with """, or end a line with a backslash.
  How do I stop the model? / How do I stop the generation? / How do I interrupt you? / Stop!
    Press Ctrl-C. Twice leaves torchless.
  Hello / Hi / Hello! / Hi! / Hey / Hey! / Hi there / Hi there! / Hello there! / Good morning / Good morning! / Good evening! / Good day / hello / hi / hey
    Hello! What would you like: a story, a sum, an edit, or something about torchless?
  How are you? / How are you doing? / How do you do? / Are you well? / How is it going? / What is up?
    I am well, thank you. What can I do for you?
  Thanks / Thanks! / Thank you / Thank you! / Thank you very much! / Thanks a lot / Many thanks! / thanks / thank you / Great, thanks! / Thank you, that helped.
    You are welcome!
  Bye / Bye! / Goodbye / Goodbye! / See you / See you later! / Good night / Good night! / bye / I have to go.
    Goodbye!
  Well done! / You are great! / Very good / Good job! / Nice! / I like you. / That was good. / Great! / Cool! / Wonderful!
    Thank you! What would you like next?
  That is wrong. / You are wrong. / No. / That is not right. / I do not like that. / You made a mistake.
    I am sorry. I am a small model and make mistakes.
`)

/** Said to what is in no table. */
export const UNKNOWN =
  'I do not know that. I am a small model and know only stories, sums, small edits and torchless.'

/** What it does not know, and so says. */
export const unknown: readonly string[] = [
  'What is the capital of {thing}?',
  'Who [invented|discovered|painted|wrote|built] the {thing}?',
  'When was the {thing} [invented|built|found|born]?',
  'Why is the {thing} {quality}?',
  'How [old|tall|heavy|fast|far] is the {thing}?',
  'How does a {thing} work?',
  'What is a {thing}?',
  'What is {thing}?',
  'Who is {person}?',
  'Who was {person}?',
  'Where does {person} live?',
  'Where is {place}?',
  'How many people live in {place}?',
  'What is the weather in {place}?',
  'What is the capital of {place}?',
  'What time is it in {place}?',
  'How do I get to {place}?',
  'Translate {thing} into [French|German|Spanish|Latin].',
  'Explain {thing} to me.',
  'Give me a recipe for {thing}.',
  'How do I [cook|bake|repair|buy|paint|clean] a {thing}?',
  'Do you like {thing}?',
  'Should I buy a {thing}?',
  'What do you think of {person}?',
  'Write a poem about {thing}.',
  'What is the meaning of {thing}?',
  'Is the {thing} {quality}?',
  'Can a {thing} be {quality}?',
  'Which {thing} is the best?',
  'What happened in {year}?',
  'What colour is a {thing}?',
  'Tell me the news of {place}.',
]

function facts(table: string): readonly Fact[] {
  return rows(table).map(row => {
    const [usage, does, how, byDefault] = row.split(' | ') as [string, string, string, string?]
    return {
      name: usage.replace(/ ([A-Z-]|hf:).*$/, ''),
      usage,
      does,
      how: how.split('; '),
      ...(byDefault !== undefined && { default: byDefault }),
    }
  })
}

function dialogues(
  table: string,
): readonly { readonly questions: readonly string[]; readonly answer: string }[] {
  const lines = rows(table)
  return lines.flatMap((line, i) =>
    i % 2 === 0 ? [{ questions: line.split(' / '), answer: lines[i + 1]! }] : [],
  )
}

function rows(table: string): string[] {
  return table.trim().split(/\n\s*/)
}
