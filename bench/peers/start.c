/*
 * What a plain program needs of llama.cpp to print one token: it maps the file, reads the prompt, computes, takes the
 * best token and prints it. No warm-up run. The peer of torchless's start in bench/cpu/start.ts.
 *
 *   start LIBLLAMA FOLDER_OF_BACKENDS MODEL PROMPT THREADS TOKENS REPACK
 *
 * TOKENS is how many the prompt must have, the ones that the tokenizer adds included. REPACK is 1 if llama.cpp shall copy
 * weights into the order of its fastest kernels, which is its default, 0 if it shall use them in the mapped file. Exit code 1 and a line on stderr
 * for every failure.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * The parameters come from llama.cpp's own defaults. Of these structs only the fields that are set here have names; the
 * sizes are those of the declarations in llama.ts, which checks the version.
 */
struct model_params {
  void *pointers[2];
  int32_t gpu_layers;
  int32_t numbers[5];
  void *more_pointers[4];
  bool vocabulary_only;
  bool check_tensors;
  bool use_extra_buffers;
  bool flags[5];
};

struct context_params {
  uint32_t context;
  uint32_t numbers[6];
  int32_t threads;
  int32_t batch_threads;
  uint32_t more_numbers[13];
  void *pointers[9];
};

struct batch {
  int32_t tokens;
  void *pointers[6];
};

_Static_assert(sizeof(struct model_params) == 80, "llama_model_params");
_Static_assert(sizeof(struct context_params) == 160, "llama_context_params");
_Static_assert(sizeof(struct batch) == 56, "llama_batch");

enum { CONTEXT = 512, LONGEST_PIECE = 256 };

static void *library;

static void fail(const char *what, const char *which) {
  fprintf(stderr, "start: %s %s\n", what, which);
  exit(1);
}

/* Gives the pointer `name` the type of a function and the function's address. */
#define FUNCTION(result, name, ...) \
  result (*name)(__VA_ARGS__);      \
  *(void **)&name = dlsym(library, #name); \
  if (!name) fail("libllama lacks", #name)

static void silent(int level, const char *text, void *data) {
  (void)level;
  (void)text;
  (void)data;
}

int main(int count, char **arguments) {
  if (count != 8) fail("expected", "LIBLLAMA FOLDER_OF_BACKENDS MODEL PROMPT THREADS TOKENS REPACK");
  const char *prompt = arguments[4];
  const int threads = atoi(arguments[5]);
  const int expected = atoi(arguments[6]);
  const bool repack = atoi(arguments[7]) != 0;

  library = dlopen(arguments[1], RTLD_NOW);
  if (!library) fail("cannot open", dlerror());
  FUNCTION(void, llama_log_set, void (*)(int, const char *, void *), void *);
  FUNCTION(void, ggml_backend_load_all_from_path, const char *);
  FUNCTION(void, llama_backend_init, void);
  FUNCTION(struct model_params, llama_model_default_params, void);
  FUNCTION(void *, llama_model_load_from_file, const char *, struct model_params);
  FUNCTION(const void *, llama_model_get_vocab, const void *);
  FUNCTION(int32_t, llama_vocab_n_tokens, const void *);
  FUNCTION(int32_t, llama_tokenize, const void *, const char *, int32_t, int32_t *, int32_t, bool, bool);
  FUNCTION(struct context_params, llama_context_default_params, void);
  FUNCTION(void *, llama_init_from_model, void *, struct context_params);
  FUNCTION(struct batch, llama_batch_get_one, int32_t *, int32_t);
  FUNCTION(int32_t, llama_decode, void *, struct batch);
  FUNCTION(float *, llama_get_logits_ith, void *, int32_t);
  FUNCTION(int32_t, llama_token_to_piece, const void *, int32_t, char *, int32_t, int32_t, bool);

  llama_log_set(silent, NULL);
  ggml_backend_load_all_from_path(arguments[2]);
  llama_backend_init();

  struct model_params model_params = llama_model_default_params();
  model_params.gpu_layers = 0;
  model_params.use_extra_buffers = repack;
  void *model = llama_model_load_from_file(arguments[3], model_params);
  if (!model) fail("cannot load", arguments[3]);
  const void *vocabulary = llama_model_get_vocab(model);

  int32_t ids[CONTEXT];
  const int32_t tokens = llama_tokenize(vocabulary, prompt, (int32_t)strlen(prompt), ids, CONTEXT, true, false);
  if (tokens != expected) {
    fprintf(stderr, "start: expected a prompt of %d tokens, found %d\n", expected, tokens);
    return 1;
  }

  struct context_params context_params = llama_context_default_params();
  context_params.context = CONTEXT;
  context_params.threads = threads;
  context_params.batch_threads = threads;
  void *context = llama_init_from_model(model, context_params);
  if (!context) fail("cannot make a context for", arguments[3]);
  if (llama_decode(context, llama_batch_get_one(ids, tokens)) != 0) fail("cannot compute", prompt);

  const float *logits = llama_get_logits_ith(context, -1);
  int32_t best = 0;
  for (int32_t id = 1; id < llama_vocab_n_tokens(vocabulary); id++)
    if (logits[id] > logits[best]) best = id;
  char piece[LONGEST_PIECE];
  const int32_t length = llama_token_to_piece(vocabulary, best, piece, LONGEST_PIECE, 0, true);
  if (length < 0) fail("cannot print the token of", prompt);
  fwrite(piece, 1, (size_t)length, stdout);
  putchar('\n');
  fflush(stdout);
  /* The time is taken; freeing is the system's. */
  _Exit(0);
}
