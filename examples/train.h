/* train.h: what training takes besides hfy.h, for the examples: options, shuffles, statistics, folds, the area under a
   ROC curve, readers, losses, and a small network: dense layers on every row of a bag, a Hopfield layer, a dense layer
   on what it says of the bag. An error ends the program with its message. Include it after hfy.h. */
#ifndef TRAIN_H
#define TRAIN_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(__GNUC__) || defined(__clang__)
#define TRAIN_FUNCTION __attribute__((unused)) static
#else
#define TRAIN_FUNCTION static
#endif

/* ------------------------------------------------------------------------------------------------------------------
   Errors, memory, options
   ------------------------------------------------------------------------------------------------------------------ */

TRAIN_FUNCTION void train_must(hfy_status status, const hfy_work *work) {
  if (status == HFY_OK) return;
  fprintf(stderr, "%s: %s\n", hfy_status_text(status), work->message);
  exit(1);
}

/* old, grown to count items of size bytes each (old NULL: zeroed). */
TRAIN_FUNCTION void *train_grow(void *old, size_t count, size_t size) {
  void *p = count > SIZE_MAX / size ? NULL : old ? realloc(old, count * size + 1) : calloc(count + 1, size);
  if (!p) {
    fprintf(stderr, "no memory for %.0f items of %u bytes\n", (double)count, (unsigned)size);
    exit(1);
  }
  return p;
}
#define TRAIN_NEW(type, count) ((type *)train_grow(NULL, count, sizeof(type)))

/* The number after `name` on the command line, or what is usual. A flag without a number counts as 1. */
TRAIN_FUNCTION double train_option(int argc, char **argv, const char *name, double usual) {
  int i;
  for (i = 1; i < argc; i++)
    if (!strcmp(argv[i], name)) {
      char *end = NULL;
      double value = i + 1 < argc ? strtod(argv[i + 1], &end) : 1;
      return end && end != argv[i + 1] && !*end ? value : 1;
    }
  return usual;
}

/* Ends the program if an argument begins with -- and is none of `known` (words between blanks). */
TRAIN_FUNCTION void train_options(int argc, char **argv, const char *known) {
  int i;
  for (i = 1; i < argc; i++) {
    const char *at = strncmp(argv[i], "--", 2) ? known : strstr(known, argv[i]);
    const size_t length = strlen(argv[i]);
    if (at && (strncmp(argv[i], "--", 2) || !at[length] || at[length] == ' ')) continue;
    fprintf(stderr, "%s: not known; options are %s\n", argv[i], known);
    exit(2);
  }
}

TRAIN_FUNCTION double train_seconds(void) { return (double)clock() / CLOCKS_PER_SEC; }

/* ------------------------------------------------------------------------------------------------------------------
   Statistics
   ------------------------------------------------------------------------------------------------------------------ */

/* Mean and standard deviation (of a sample) of n numbers. */
TRAIN_FUNCTION void train_mean(const double *x, size_t n, double *mean, double *sd) {
  double sum = 0, square = 0;
  size_t i;
  for (i = 0; i < n; i++) sum += x[i] / (double)n;
  for (i = 0; i < n; i++) square += (x[i] - sum) * (x[i] - sum);
  *mean = sum;
  *sd = n > 1 ? sqrt(square / (double)(n - 1)) : 0;
}

TRAIN_FUNCTION size_t train_below(hfy_rng *rng, size_t n) { return (size_t)(hfy_rng_uniform(rng) * (double)n); }

TRAIN_FUNCTION void train_shuffle(hfy_rng *rng, size_t *order, size_t n) {
  size_t i;
  for (i = n; i > 1; i--) {
    const size_t j = train_below(rng, i), t = order[i - 1];
    order[i - 1] = order[j];
    order[j] = t;
  }
}

/* Area under the ROC curve: the share of pairs (positive, negative) that the scores put in order; ties count half. */
TRAIN_FUNCTION double train_auc(const double *score, const double *label, size_t n) {
  double right = 0, pairs = 0;
  size_t i, j;
  for (i = 0; i < n; i++)
    for (j = 0; label[i] > 0.5 && j < n; j++)
      if (label[j] < 0.5) {
        pairs++;
        right += score[i] > score[j] ? 1 : score[i] < score[j] ? 0 : 0.5;
      }
  return pairs > 0 ? right / pairs : 0.5;
}

/* fold[i]: which of `folds` item i is tested in; every class is spread evenly over them. labels: 0 .. classes-1. */
TRAIN_FUNCTION void train_folds(hfy_rng *rng, const double *label, size_t n, size_t classes, size_t folds,
                                size_t *fold) {
  size_t *order = TRAIN_NEW(size_t, n), i, c, next = 0;
  for (i = 0; i < n; i++) order[i] = i;
  train_shuffle(rng, order, n);
  for (c = 0; c < classes; c++)
    for (i = 0; i < n; i++)
      if ((size_t)label[order[i]] == c) fold[order[i]] = next++ % folds;
  free(order);
}

/* ------------------------------------------------------------------------------------------------------------------
   Bags of rows, and readers
   ------------------------------------------------------------------------------------------------------------------ */

typedef struct train_bags {
  size_t bags, width;
  size_t *first;  /* bags + 1: where the rows of each begin */
  hfy_real *rows; /* of width numbers */
  double *label;  /* of each bag: 0, 1, .. */
} train_bags;

TRAIN_FUNCTION void train_bags_free(train_bags *d) {
  free(d->first);
  free(d->rows);
  free(d->label);
  memset(d, 0, sizeof *d);
}

/* The whole of a file, with a 0 behind it, or NULL. */
TRAIN_FUNCTION char *train_read(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  char *text = NULL;
  size_t got, room = 0, length = 0;
  if (!file) return NULL;
  do {
    if (room - length < 65536) text = (char *)train_grow(text, room = 2 * room + 65536, 1);
    got = fread(text + length, 1, 65535, file);
    length += got;
  } while (got);
  fclose(file);
  text[length] = 0;
  if (size) *size = length;
  return text;
}

/* Every number of a text, whatever stands between them; *count of them. */
TRAIN_FUNCTION double *train_numbers(const char *text, size_t *count) {
  double *x = NULL;
  size_t n = 0, room = 0;
  while (*text) {
    char *end;
    const double value = strtod(text, &end);
    if (end == text) {
      text++;
      continue;
    }
    if (n == room) x = (double *)train_grow(x, room = 2 * room + 1024, sizeof *x);
    x[n++] = value;
    text = end;
  }
  *count = n;
  return x;
}

/* Bags as Ilse et al. (2018) keep Fox, Tiger and Elephant: lines "instance:bag:label  feature:value ...", features from
   1 on. Returns 0, or 1 if the file is not there or is none of these. */
TRAIN_FUNCTION int train_read_mil(const char *path, size_t width, train_bags *d) {
  char *text = train_read(path, NULL), *at = text;
  size_t rows = 0, room = 0, bags = 0;
  long last = -1;
  int bad = !text;
  memset(d, 0, sizeof *d);
  while (at && *at) {
    char *end = strchr(at, '\n'), *p;
    long bag, label;
    if (end) *end = 0;
    if (*at != '#' && *at) {
      strtol(at, &p, 10);
      bag = *p == ':' ? strtol(p + 1, &p, 10) : -1;
      label = *p == ':' ? strtol(p + 1, &p, 10) : 0;
      if ((bad = bag < 0 || !label) != 0) break;
      if (rows == room) {
        room = 2 * room + 256;
        d->rows = (hfy_real *)train_grow(d->rows, room * width, sizeof *d->rows);
        d->first = (size_t *)train_grow(d->first, room + 1, sizeof *d->first);
        d->label = (double *)train_grow(d->label, room, sizeof *d->label);
      }
      if (bag != last) {
        d->label[bags] = label > 0;
        d->first[bags++] = rows;
        last = bag;
      }
      memset(d->rows + rows * width, 0, width * sizeof *d->rows);
      for (;;) {
        const long feature = strtol(p, &p, 10);
        if (*p != ':') break;
        if (feature >= 1 && (size_t)feature <= width)
          d->rows[rows * width + (size_t)feature - 1] = (hfy_real)strtod(p + 1, &p);
        else
          strtod(p + 1, &p);
      }
      d->first[bags] = ++rows;
    }
    at = end ? end + 1 : NULL;
  }
  free(text);
  d->bags = bags;
  d->width = width;
  return bad || !bags;
}

/* ------------------------------------------------------------------------------------------------------------------
   A network around one Hopfield layer
   ------------------------------------------------------------------------------------------------------------------ */

enum { TRAIN_ENTRIES = 96, TRAIN_DENSE = 8, TRAIN_NAME = 24 };

typedef struct train_net {
  size_t embeds;                 /* dense layers on every row before the Hopfield layer */
  hfy_dense embed[TRAIN_DENSE];
  hfy_layer layer;               /* with memories rows are states, else stored patterns */
  hfy_dense out;                 /* its in: all that the layer says of one bag; out 1: logit of class 1, else classes */
  hfy_optimiser how;
  uint64_t seed;
  /* the library's from here on */
  hfy_param table[TRAIN_ENTRIES];
  size_t entries, count, at[TRAIN_DENSE + 2];
  hfy_real *params, *grads, *moments, *best;
  hfy_real *x[TRAIN_DENSE + 1], *dx[TRAIN_DENSE + 1], *said, *dsaid, *logit, *dlogit, *tape;
  size_t *rows, *order, room_rows, room_bags, room_tape, room_order, said_width, batch_rows;
  hfy_layer_input in;
  hfy_work work;
} train_net;

/* Tables and parameters of a net whose layers are set. */
TRAIN_FUNCTION void train_net_make(train_net *n) {
  char name[TRAIN_NAME];
  hfy_layer full;
  size_t i, got, end = 0;
  n->entries = 0;
  for (i = 0; i < n->embeds; i++) {
    snprintf(name, sizeof name, "embed.%u.", (unsigned)i);
    n->at[i] = end;
    train_must(hfy_dense_params(n->embed + i, name, end, n->table + n->entries, TRAIN_ENTRIES - n->entries, &got, &end,
                                &n->work), &n->work);
    n->entries += got;
  }
  n->at[TRAIN_DENSE] = end;
  train_must(hfy_layer_params(&n->layer, "layer.", end, n->table + n->entries, TRAIN_ENTRIES - n->entries, &got, &end,
                              &n->work), &n->work);
  n->entries += got;
  n->at[TRAIN_DENSE + 1] = end;
  train_must(hfy_dense_params(&n->out, "out.", end, n->table + n->entries, TRAIN_ENTRIES - n->entries, &got, &end,
                              &n->work), &n->work);
  n->entries += got;
  n->count = end;
  train_must(hfy_layer_check(&n->layer, &full, &n->work), &n->work);
  n->said_width = full.out_width;
  n->params = TRAIN_NEW(hfy_real, end);
  n->grads = TRAIN_NEW(hfy_real, end);
  n->moments = TRAIN_NEW(hfy_real, 2 * end);
  n->best = TRAIN_NEW(hfy_real, end);
}

/* Parameters anew, from a seed. */
TRAIN_FUNCTION void train_net_start(train_net *n, uint64_t seed) {
  hfy_rng rng = hfy_rng_seed(seed);
  train_must(hfy_param_init(n->table, n->entries, &rng, n->params, &n->work), &n->work);
  memset(n->moments, 0, 2 * n->count * sizeof *n->moments);
  n->how.steps = 0;
  n->seed = seed;
}

/* Parameters by name, to set them otherwise. */
TRAIN_FUNCTION hfy_real *train_net_find(train_net *n, const char *name) {
  size_t i;
  for (i = 0; i < n->entries; i++)
    if (!strcmp(n->table[i].name, name)) return n->params + n->table[i].offset;
  fprintf(stderr, "%s: no such parameters\n", name);
  exit(1);
}

/* Remembers the parameters, or (back) takes them up again. */
TRAIN_FUNCTION void train_net_keep(train_net *n, int back) {
  memcpy(back ? n->params : n->best, back ? n->best : n->params, n->count * sizeof *n->params);
}

TRAIN_FUNCTION void train_net_free(train_net *n) {
  size_t i;
  for (i = 0; i <= TRAIN_DENSE; i++) {
    free(n->x[i]);
    free(n->dx[i]);
  }
  free(n->params), free(n->grads), free(n->moments), free(n->best);
  free(n->said), free(n->dsaid), free(n->logit), free(n->dlogit), free(n->tape), free(n->rows), free(n->order);
  hfy_work_free(&n->work);
  memset(n, 0, sizeof *n);
}

/* Room for a batch; n->x[0] and n->rows are then filled in. */
TRAIN_FUNCTION void train_net_room(train_net *n, size_t rows, size_t bags, size_t width) {
  size_t i;
  if (rows > n->room_rows) {
    for (i = 0; i <= n->embeds; i++) {
      const size_t wide = i ? n->embed[i - 1].out : width;
      n->x[i] = (hfy_real *)train_grow(n->x[i], rows * wide, sizeof(hfy_real));
      n->dx[i] = (hfy_real *)train_grow(n->dx[i], rows * wide, sizeof(hfy_real));
    }
    n->room_rows = rows;
  }
  if (bags > n->room_bags) {
    n->said = (hfy_real *)train_grow(n->said, bags * n->out.in, sizeof(hfy_real));
    n->dsaid = (hfy_real *)train_grow(n->dsaid, bags * n->out.in, sizeof(hfy_real));
    n->logit = (hfy_real *)train_grow(n->logit, bags * n->out.out, sizeof(hfy_real));
    n->dlogit = (hfy_real *)train_grow(n->dlogit, bags * n->out.out, sizeof(hfy_real));
    n->rows = (size_t *)train_grow(n->rows, bags, sizeof(size_t));
    n->room_bags = bags;
  }
}

/* From n->x[0], bags with n->rows each, to n->logit. */
TRAIN_FUNCTION void train_net_forward(train_net *n, size_t bags, int training) {
  hfy_layer_input *in = &n->in;
  size_t i, rows = 0, tape = 0;
  for (i = 0; i < bags; i++) rows += n->rows[i];
  n->batch_rows = rows;
  for (i = 0; i < n->embeds; i++)
    train_must(hfy_dense_forward(n->embed + i, n->params + n->at[i], n->x[i], rows, n->x[i + 1], &n->work), &n->work);
  memset(in, 0, sizeof *in);
  in->bags = bags;
  if (n->layer.memories) {
    in->state_rows = n->rows;
    in->state = n->x[n->embeds];
  } else {
    in->stored_rows = n->rows;
    in->stored = n->x[n->embeds];
  }
  in->training = training;
  in->seed = n->seed * 1000003u + n->how.steps;
  if (training) {
    train_must(hfy_layer_tape(&n->layer, in, &tape, &n->work), &n->work);
    if (tape > n->room_tape) n->tape = (hfy_real *)train_grow(n->tape, n->room_tape = tape, sizeof(hfy_real));
    in->tape_reals = tape;
  }
  train_must(hfy_layer_forward(&n->layer, n->params + n->at[TRAIN_DENSE], in, n->said, training ? n->tape : NULL, NULL,
                               &n->work), &n->work);
  train_must(hfy_dense_forward(&n->out, n->params + n->at[TRAIN_DENSE + 1], n->said, bags, n->logit, &n->work),
             &n->work);
}

/* From n->dlogit to the gradients, which are added to, and with `input` to n->dx[0]. */
TRAIN_FUNCTION void train_net_backward(train_net *n, size_t bags, int input) {
  hfy_layer_grad grad = {NULL, NULL, NULL, NULL, NULL};
  hfy_real *to[2];
  const size_t last = n->embeds;
  size_t i, wide = last ? n->embed[last - 1].out : n->layer.memories ? n->layer.width
                   : n->layer.stored_width ? n->layer.stored_width : n->layer.width;
  memset(n->dsaid, 0, bags * n->out.in * sizeof *n->dsaid);
  to[0] = n->dsaid;
  to[1] = n->grads + n->at[TRAIN_DENSE + 1];
  train_must(hfy_dense_backward(&n->out, n->params + n->at[TRAIN_DENSE + 1], n->said, n->logit, n->dlogit, bags, to,
                                &n->work), &n->work);
  grad.params = n->grads + n->at[TRAIN_DENSE];
  if (last || input) {
    memset(n->dx[last], 0, n->batch_rows * wide * sizeof *n->dx[last]);
    *(n->layer.memories ? &grad.state : &grad.stored) = n->dx[last];
  }
  train_must(hfy_layer_backward(&n->layer, n->params + n->at[TRAIN_DENSE], &n->in, n->tape, n->dsaid, &grad, &n->work),
             &n->work);
  for (i = last; i-- > 0;) {
    to[0] = i || input ? n->dx[i] : NULL;
    to[1] = n->grads + n->at[i];
    if (to[0]) memset(to[0], 0, n->batch_rows * n->embed[i].in * sizeof *to[0]);
    train_must(hfy_dense_backward(n->embed + i, n->params + n->at[i], n->x[i], n->x[i + 1], n->dx[i + 1], n->batch_rows,
                                  to, &n->work), &n->work);
  }
}

/* Loss of one item (cross-entropy: of a logit, or of `classes` of them) and its gradient. */
TRAIN_FUNCTION double train_loss(const hfy_real *logit, size_t classes, double label, hfy_real *gradient) {
  double top = (double)logit[0], sum = 0;
  size_t i;
  if (classes == 1) {
    const double z = top, e = exp(-fabs(z)), p = z >= 0 ? 1 / (1 + e) : e / (1 + e);
    gradient[0] = (hfy_real)(p - label);
    return (z > 0 ? z : 0) - z * label + log1p(e);
  }
  for (i = 1; i < classes; i++)
    if ((double)logit[i] > top) top = (double)logit[i];
  for (i = 0; i < classes; i++) sum += exp((double)logit[i] - top);
  for (i = 0; i < classes; i++)
    gradient[i] = (hfy_real)(exp((double)logit[i] - top) / sum - (i == (size_t)label));
  return log(sum) + top - (double)logit[(size_t)label];
}

/* The class that an item's logits are for. */
TRAIN_FUNCTION double train_class(const hfy_real *logit, size_t classes) {
  size_t i, best = 0;
  if (classes == 1) return logit[0] > 0;
  for (i = 1; i < classes; i++)
    if (logit[i] > logit[best]) best = i;
  return (double)best;
}

typedef struct train_result { double loss, right; } train_result; /* means over items */

/* Bags which[0 .. count-1] of d, `batch` at a time: a step for each batch (training), or none. score, if not NULL: the
   first logit of each. */
TRAIN_FUNCTION train_result train_net_pass(train_net *n, const train_bags *d, const size_t *which, size_t count,
                                           size_t batch, int training, double *score) {
  train_result sum = {0, 0};
  size_t from, i, j, bags;
  for (from = 0; from < count; from += bags) {
    size_t rows = 0;
    bags = count - from < batch ? count - from : batch;
    for (i = 0; i < bags; i++) rows += d->first[which[from + i] + 1] - d->first[which[from + i]];
    train_net_room(n, rows, bags, d->width);
    for (i = rows = 0; i < bags; i++) {
      const size_t b = which[from + i], r = d->first[b + 1] - d->first[b];
      n->rows[i] = r;
      memcpy(n->x[0] + rows * d->width, d->rows + d->first[b] * d->width, r * d->width * sizeof(hfy_real));
      rows += r;
    }
    train_net_forward(n, bags, training);
    for (i = 0; i < bags; i++) {
      const double label = d->label[which[from + i]];
      hfy_real *to = n->dlogit + i * n->out.out;
      const hfy_real *logit = n->logit + i * n->out.out;
      sum.loss += train_loss(logit, n->out.out, label, to);
      sum.right += fabs(train_class(logit, n->out.out) - label) < 0.5;
      for (j = 0; j < n->out.out; j++) to[j] = (hfy_real)((double)to[j] / (double)bags);
      if (score) score[from + i] = (double)logit[0];
    }
    if (!training) continue;
    memset(n->grads, 0, n->count * sizeof *n->grads);
    train_net_backward(n, bags, 0);
    train_must(hfy_optimiser_step(&n->how, n->table, n->entries, n->params, n->grads, n->moments, NULL, &n->work),
               &n->work);
  }
  sum.loss /= (double)count;
  sum.right /= (double)count;
  return sum;
}

/* An epoch: all of `which` in a random order. */
TRAIN_FUNCTION train_result train_net_epoch(train_net *n, const train_bags *d, const size_t *which, size_t count,
                                            size_t batch, hfy_rng *rng) {
  if (count > n->room_order) n->order = (size_t *)train_grow(n->order, n->room_order = count, sizeof(size_t));
  memcpy(n->order, which, count * sizeof *which);
  train_shuffle(rng, n->order, count);
  return train_net_pass(n, d, n->order, count, batch, 1, NULL);
}

#endif
