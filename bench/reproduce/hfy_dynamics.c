/* hfy_dynamics.c: HFY Figures 8 (no post-transformation), 9 (unit length) and 10 (layer norm): contours of the energy,
   trajectories and basins of attraction of five patterns in the plane, for every Omega and Psi. Needs no data.

   hfy_dynamics [--out DIR] [--seed 60] [--points 100] [--basin_beta 10]

   The patterns are normal, drawn from the seed, of unit length; for the layer norm the third coordinate is -x - y, and
   they are layer-normed (unbiased, eps 1e-8). Contours and trajectories at beta 1: at every point of the grid the energy
   (HFY eq. 20), which is infinite outside the post's domain; trajectories start from X^T softmax(X q). Basins at
   --basin_beta: which pattern 50 updates lead to (within 1e-3, softmax 1e-2), 0 for none.
   Writes DIR/dynamics_grid.csv (psi, omega, x, y, energy, basin), DIR/dynamics_walk.csv (psi, omega, start, step, x, y),
   DIR/dynamics_patterns.csv and DIR/dynamics_share.csv (the share of every basin). */
#define HFY_IMPLEMENTATION
#define HFY_DOUBLE
#include "../../hfy.h"
#include "reproduce.h"

enum { PATTERNS = 5, STARTS = 8, SHOWN = 12 };

static hfy_work work;

/* a point of the plane as a state */
static void lift(const double *xy, size_t dim, double *q)
{
    q[0] = xy[0], q[1] = xy[1];
    if (dim == 3) q[2] = -xy[0] - xy[1];
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        hfy_sep_kind kind;
        double parameter;
    } omegas[] = {{"softmax", HFY_SEP_SOFTMAX, 0},     {"1.5-entmax", HFY_SEP_ENTMAX, 1.5},
                  {"sparsemax", HFY_SEP_SPARSEMAX, 0}, {"2-normmax", HFY_SEP_NORMMAX, 2},
                  {"5-normmax", HFY_SEP_NORMMAX, 5}};
    static const struct {
        const char *name;
        hfy_post_kind kind;
    } psis[] = {{"identity", HFY_POST_NONE}, {"norm", HFY_POST_L2}, {"lnorm", HFY_POST_LAYERNORM}};
    enum { OMEGAS = sizeof omegas / sizeof *omegas, PSIS = sizeof psis / sizeof *psis };
    const char *out = option(argc, argv, "out", ".");
    const size_t points = (size_t)number(argc, argv, "points", 100);
    const double basin_beta = number(argc, argv, "basin_beta", 10);
    const uint64_t seed = (uint64_t)number(argc, argv, "seed", 60);
    size_t total = points * points, w, p, i, j, d, step;
    double raw[PATTERNS * 2], *grid, *energy, *end;
    size_t *basin;
    FILE *grids = create(out, "dynamics_grid.csv"), *walks = create(out, "dynamics_walk.csv");
    FILE *patterns = create(out, "dynamics_patterns.csv"), *shares = create(out, "dynamics_share.csv");
    hfy_rng rng = hfy_rng_seed(seed);
    time_t start = time(NULL);
    if (points < 2) die("--points should be at least 2");
    for (i = 0; i < PATTERNS * 2; i++) raw[i] = hfy_rng_normal(&rng);
    for (i = 0; i < PATTERNS; i++) {
        double norm = sqrt(raw[2 * i] * raw[2 * i] + raw[2 * i + 1] * raw[2 * i + 1]);
        raw[2 * i] /= norm, raw[2 * i + 1] /= norm;
    }
    grid = (double *)allocate(total * 3, sizeof *grid), energy = (double *)allocate(total, sizeof *energy);
    end = (double *)allocate(total * 3, sizeof *end), basin = (size_t *)allocate(total, sizeof *basin);
    fprintf(grids, "psi,omega,x,y,energy,basin\n"), fprintf(walks, "psi,omega,start,step,x,y\n");
    fprintf(patterns, "psi,pattern,x,y\n"), fprintf(shares, "psi,omega,beta,none,x1,x2,x3,x4,x5\n");
    for (p = 0; p < PSIS; p++) {
        const size_t dim = psis[p].kind == HFY_POST_LAYERNORM ? 3 : 2;
        double keys[PATTERNS * 3], low[2] = {1e9, 1e9}, high[2] = {-1e9, -1e9};
        hfy_post post;
        memset(&post, 0, sizeof post);
        post.kind = psis[p].kind;
        if (dim == 3) post.dof_minus = 1, post.eps = 1e-8;
        for (i = 0; i < PATTERNS; i++) lift(raw + 2 * i, dim, keys + i * dim);
        check(hfy_post_apply(&post, keys, NULL, PATTERNS, dim, keys, &work), &work);
        for (i = 0; i < PATTERNS; i++) {
            fprintf(patterns, "%s,%lu,%.6g,%.6g\n", psis[p].name, (unsigned long)i + 1, keys[i * dim], keys[i * dim + 1]);
            for (d = 0; d < 2; d++) {
                if (keys[i * dim + d] < low[d]) low[d] = keys[i * dim + d];
                if (keys[i * dim + d] > high[d]) high[d] = keys[i * dim + d];
            }
        }
        for (j = 0; j < points; j++)
            for (i = 0; i < points; i++) {
                double xy[2], f = (double)i / (double)(points - 1), g = (double)j / (double)(points - 1);
                xy[0] = low[0] - 0.1 + f * (high[0] - low[0] + 0.2), xy[1] = low[1] - 0.1 + g * (high[1] - low[1] + 0.2);
                lift(xy, dim, grid + (j * points + i) * dim);
            }
        for (w = 0; w < OMEGAS; w++) {
            const double within = omegas[w].kind == HFY_SEP_SOFTMAX ? 1e-2 : 1e-3;
            size_t count[PATTERNS + 1] = {0};
            double constant, q[STARTS * 3], path[STARTS * 3];
            hfy_net net, cue;
            char what[60];
            memset(&net, 0, sizeof net);
            net.dim = dim, net.count = PATTERNS, net.keys = keys, net.post = post, net.beta = 1;
            net.sep.kind = omegas[w].kind, net.sep.alpha = net.sep.gamma = omegas[w].parameter;
            check(hfy_energy(&net, grid, total, energy, &work), &work);
            check(hfy_energy_constant(&net, HFY_ENERGY_PAPER, &constant, &work), &work);
            net.beta = basin_beta, net.max_steps = 50;
            check(hfy_retrieve(&net, grid, total, end, NULL, &work), &work);
            for (i = 0; i < total; i++) {
                double nearest = 1e9, distance;
                for (j = 0, basin[i] = 0; j < PATTERNS; j++) {
                    for (d = 0, distance = 0; d < dim; d++)
                        distance += pow(end[i * dim + d] - keys[j * dim + d], 2);
                    if (sqrt(distance) < nearest) nearest = sqrt(distance), basin[i] = nearest < within ? j + 1 : 0;
                }
                count[basin[i]]++;
                if (fabs(energy[i]) < HUGE_VAL)
                    fprintf(grids, "%s,%s,%.4f,%.4f,%.5g,%lu\n", psis[p].name, omegas[w].name, grid[i * dim],
                            grid[i * dim + 1], energy[i] + constant, (unsigned long)basin[i]);
                else
                    fprintf(grids, "%s,%s,%.4f,%.4f,,%lu\n", psis[p].name, omegas[w].name, grid[i * dim],
                            grid[i * dim + 1], (unsigned long)basin[i]);
                if ((i + 1) % points == 0) fprintf(grids, "\n");
            }
            fprintf(grids, "\n");
            fprintf(shares, "%s,%s,%g", psis[p].name, omegas[w].name, basin_beta);
            for (i = 0; i <= PATTERNS; i++) fprintf(shares, ",%.4f", (double)count[i] / (double)total);
            fprintf(shares, "\n");
            /* trajectories: a ring of starts, each moved into the hull first */
            for (i = 0; i < STARTS; i++) {
                double xy[2], turn = 6.283185307179586 * (double)i / STARTS;
                xy[0] = (low[0] + high[0]) / 2 + 0.5 * (high[0] - low[0]) * cos(turn);
                xy[1] = (low[1] + high[1]) / 2 + 0.5 * (high[1] - low[1]) * sin(turn);
                lift(xy, dim, q + i * dim);
            }
            cue = net, cue.beta = 1, cue.max_steps = 1;
            memset(&cue.sep, 0, sizeof cue.sep), memset(&cue.post, 0, sizeof cue.post);
            check(hfy_retrieve(&cue, q, STARTS, path, NULL, &work), &work);
            net.beta = 1, net.max_steps = 1;
            for (step = 0; step <= SHOWN; step++) {
                for (i = 0; i < STARTS; i++)
                    fprintf(walks, "%s,%s,%lu,%lu,%.5f,%.5f\n", psis[p].name, omegas[w].name, (unsigned long)i,
                            (unsigned long)step, path[i * dim], path[i * dim + 1]);
                check(hfy_retrieve(&net, path, STARTS, path, NULL, &work), &work);
                if (step == SHOWN - 1) { /* the last point shown is where 1000 updates end */
                    net.max_steps = 1000;
                    check(hfy_retrieve(&net, path, STARTS, path, NULL, &work), &work);
                }
            }
            snprintf(what, sizeof what, "%s, %s", psis[p].name, omegas[w].name);
            progress(what, p * OMEGAS + w + 1, PSIS * OMEGAS, start);
        }
    }
    done(grids, "dynamics_grid.csv"), done(walks, "dynamics_walk.csv");
    done(patterns, "dynamics_patterns.csv"), done(shares, "dynamics_share.csv");
    hfy_work_free(&work);
    free(grid), free(energy), free(end), free(basin);
    return 0;
}
