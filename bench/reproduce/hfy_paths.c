/* hfy_paths.c: HFY Figure 2 (regularisation paths: the prediction for beta theta against the temperature 1/beta) and
   Figure 3 (entropies, predictions and losses in the binary case). Needs no data.

   hfy_paths [--out DIR] [--points 160]

   Writes DIR/paths.csv (method, temperature, y_1 .. y_5) and DIR/binary.csv (method, p, -Omega(p, 1-p), s, y_1(s, 0),
   loss(s, 0; e_1)): the four entmaxes and four normmaxes of the paper's two rows. The sequence is the 2-subsets with a
   transition of 0.4. */
#define HFY_IMPLEMENTATION
#include "../../hfy.h"
#include "reproduce.h"

int main(int argc, char **argv) {
  static const double theta[5] = {1.0716, -1.1221, -0.3288, 0.3368, 0.0425}; /* the paper's */
  static const struct {
    const char *name;
    hfy_sep_kind kind;
    double parameter;
    int figures; /* 1: Figure 2; 2: Figure 3 */
  } methods[] = {{"softmax", HFY_SEP_SOFTMAX, 0, 3},
                 {"1.5-entmax", HFY_SEP_ENTMAX, 1.5, 3},
                 {"sparsemax", HFY_SEP_SPARSEMAX, 0, 3},
                 {"4-entmax", HFY_SEP_ENTMAX, 4, 1},
                 {"inf-entmax", HFY_SEP_ENTMAX, HUGE_VAL, 2},
                 {"1-normmax", HFY_SEP_NORMMAX, 1, 2},
                 {"2-normmax", HFY_SEP_NORMMAX, 2, 3},
                 {"5-normmax", HFY_SEP_NORMMAX, 5, 3},
                 {"inf-normmax", HFY_SEP_NORMMAX, HUGE_VAL, 2},
                 {"2-subsets", HFY_SEP_KSUBSETS, 2, 1},
                 {"2-sequence", HFY_SEP_SEQUENCE_KSUBSETS, 2, 1}};
  const char *out = option(argc, argv, "out", ".");
  const size_t points = (size_t)number(argc, argv, "points", 160);
  size_t m, i, t;
  hfy_work work = {0};
  FILE *paths = create(out, "paths.csv"), *binary = create(out, "binary.csv");
  if (points < 2) die("--points should be at least 2");
  fprintf(paths, "method,temperature,y1,y2,y3,y4,y5\n");
  fprintf(binary, "method,p,entropy,s,prediction,loss\n");
  for (m = 0; m < sizeof methods / sizeof *methods; m++) {
    hfy_sep sep;
    memset(&sep, 0, sizeof sep);
    sep.kind = methods[m].kind;
    sep.alpha = sep.gamma = sep.k = methods[m].parameter;
    for (t = 0; methods[m].figures & 1 && t <= points; t++) {
      double temperature = 0.02 + 3.98 * (double)t / (double)points;
      hfy_real row[5];
      for (i = 0; i < 5; i++) row[i] = (hfy_real)(theta[i] / temperature);
      sep.transition = 0.4 / temperature; /* the whole score is divided by the temperature */
      check(hfy_sep_apply(&sep, row, 1, 5, row, &work), &work);
      fprintf(paths, "%s,%g", methods[m].name, temperature);
      for (i = 0; i < 5; i++) fprintf(paths, ",%.6g", (double)row[i]);
      fprintf(paths, "\n");
    }
    for (t = 0; methods[m].figures & 2 && t <= points; t++) {
      double p = (double)t / (double)points, s = -3 + 6 * p, omega = 0, loss = 0;
      hfy_real y[2], score[2], first[2] = {1, 0};
      y[0] = (hfy_real)p, y[1] = (hfy_real)(1 - p);
      check(hfy_sep_value(&sep, y, 1, 2, &omega, &work), &work);
      score[0] = (hfy_real)s, score[1] = 0;
      check(hfy_sep_loss(&sep, score, first, 1, 2, &loss, &work), &work);
      check(hfy_sep_apply(&sep, score, 1, 2, y, &work), &work);
      fprintf(binary, "%s,%g,%.6g,%g,%.6g,%.6g\n", methods[m].name, p, 0 - omega, s, (double)y[0], loss);
    }
    progress(methods[m].name, m + 1, sizeof methods / sizeof *methods, time(NULL));
  }
  done(paths, "paths.csv"), done(binary, "binary.csv");
  hfy_work_free(&work);
  return 0;
}
