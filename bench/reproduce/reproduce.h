/* reproduce.h: what the programs of this directory share: IDX pictures, arguments, a progress line, CSV files, medians.
   Include it after hfy.h. */
#ifndef REPRODUCE_H
#define REPRODUCE_H

#include "../../examples/images.h"
#include <stdarg.h>
#include <time.h>

/* Ends the program with a message. */
static void die(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fprintf(stderr, "\n");
    vfprintf(stderr, format, list);
    fprintf(stderr, "\n");
    va_end(list);
    exit(1);
}

static void check(hfy_status status, const hfy_work *work)
{
    if (status) die("%s: %s", hfy_status_text(status), work->message);
}

static void *allocate(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size);
    if (!p) die("no memory for %lu times %lu bytes", (unsigned long)count, (unsigned long)size);
    return p;
}

static double seconds_since(time_t then) { return difftime(time(NULL), then); }

/* One line on standard error, written over again and again: what is done, how much of it, since when. */
static void progress(const char *what, size_t done, size_t of, time_t then)
{
    fprintf(stderr, "\r%-56s %6lu of %lu  %5.0f s ", what, (unsigned long)done, (unsigned long)of, seconds_since(then));
    if (done >= of) fprintf(stderr, "\n");
    fflush(stderr);
}

/* The value of --NAME in the arguments (--NAME VALUE), or the default. */
static const char *option(int argc, char **argv, const char *name, const char *standard)
{
    int i;
    for (i = 1; i + 1 < argc; i++)
        if (!strncmp(argv[i], "--", 2) && !strcmp(argv[i] + 2, name)) return argv[i + 1];
    return standard;
}

static double number(int argc, char **argv, const char *name, double standard)
{
    const char *text = option(argc, argv, name, NULL);
    char *end;
    double value;
    if (!text) return standard;
    value = strtod(text, &end);
    if (end == text || *end) die("--%s %s: a number is wanted", name, text);
    return value;
}

static FILE *create(const char *directory, const char *name)
{
    char path[1000];
    FILE *file;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    file = fopen(path, "w");
    if (!file) die("%s: cannot be written", path);
    return file;
}

static void done(FILE *file, const char *name)
{
    if (ferror(file) || fclose(file)) die("%s: could not be written", name);
}

/* Pictures of an IDX file DIRECTORY/NAME, pixels in [-1, 1]. */
static images pictures(const char *directory, const char *name, size_t limit)
{
    char path[1000], message[1200];
    images all;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    if (images_read_idx(&all, path, limit, message, sizeof message)) die("%s", message);
    return all;
}

static int reproduce_ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Quantile of n values, interpolated; sorts them. */
static double quantile(double *values, size_t n, double where)
{
    double at = where * (double)(n - 1);
    size_t i = (size_t)at;
    qsort(values, n, sizeof *values, reproduce_ascending);
    return i + 1 < n ? values[i] + (at - (double)i) * (values[i + 1] - values[i]) : values[n - 1];
}

/* `count` different numbers below n, in random order. */
static void draw(hfy_rng *rng, size_t n, size_t count, size_t *chosen)
{
    size_t *all = (size_t *)allocate(n, sizeof *all), i;
    for (i = 0; i < n; i++) all[i] = i;
    for (i = 0; i < count; i++) {
        size_t j = i + (size_t)(hfy_rng_u64(rng) % (n - i)), swap = all[i];
        all[i] = all[j], all[j] = swap;
        chosen[i] = all[i];
    }
    free(all);
}

#endif
