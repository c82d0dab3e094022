# Graded attractor networks (RATE), Figures 1 to 8.
#   make rate-quick    N 40 to 200, two minutes or so; make rate-long N = 500 (the one size that the paper prints) where
#                      that can be had, hours (CFLAGS='-O2 -fopenmp' shares patterns and rows out). Every row is written at
#                      once; a run that is started again adds what its tables do not have, so it may be stopped at any
#                      time, and more REPETITIONS cost only these
#   make rate-one FIGURE=3 N=200 REPETITIONS=5 MODE=quick
#   make rate-pictures LONG's tables to $(RESULTS), and the pictures of docs/ from them
#   make rate-targets  what random problems should show, with bounds, pass or fail: two minutes
#                      (ONLY=S7 one group, SEED=2 other problems)
#   make rate-spread   the same with five seeds: $(RESULTS)/rate_targets.csv, ten minutes
#   make rate-load     critical loads: theory beside networks of 500, 2000 and 8000 units, an hour or so: $(RESULTS)
# CSV files and pictures: $(BUILD)/rate_fig*; rate-long: $(LONG)

FIGURE = 1
N = 100
REPETITIONS = 2
MODE = quick
LONG = $(BUILD)/long
RATE_FLAGS = -O3 -march=native
ONLY =
SEED = 1
RATE = $(BUILD)/rate_figures
RATE_TARGETS = $(BUILD)/rate_targets

$(RATE): rate_figures.c rate.h ../../hfy.h | $(BUILD)
	$(COMPILE) $(RATE_FLAGS) rate_figures.c -o $@ -lm

$(RATE_TARGETS): rate_targets.c rate.h reproduce.h ../../hfy.h | $(BUILD)
	$(COMPILE) rate_targets.c -o $@ -lm

rate-targets: $(RATE_TARGETS)
	$(RATE_TARGETS) --seed $(SEED) $(if $(ONLY),--only $(ONLY))

# the same of five seeds, as one table: median, lowest, highest
rate-spread: $(RATE_TARGETS)
	@mkdir -p $(RESULTS) $(SEEDS:%=$(BUILD)/rate%)
	@for s in $(SEEDS); do $(RATE_TARGETS) --seed $$s --out $(BUILD)/rate$$s || :; done
	@$(PYTHON) spread.py line,group,what $(RESULTS)/rate_targets.csv $(SEEDS:%=$(BUILD)/rate%/rate_targets.csv)

RATE_LOAD = $(BUILD)/rate_load
$(RATE_LOAD): rate_load.c ../../hfy.h | $(BUILD)
	$(COMPILE) rate_load.c -o $@ -lm

rate-load: $(RATE_LOAD)
	@mkdir -p $(RESULTS)
	$(RATE_LOAD) $(BUILD) 500 10 5
	$(RATE_LOAD) $(BUILD) 2000 10 2
	$(RATE_LOAD) $(BUILD) 8000 10 2 2
	@cat $(BUILD)/rate_load_500.csv > $(RESULTS)/rate_load.csv
	@for n in 2000 8000; do tail -n +2 $(BUILD)/rate_load_$$n.csv; done >> $(RESULTS)/rate_load.csv

rate-quick: $(RATE)
	$(RATE) 12 $(BUILD) 60 2 quick
	$(RATE) 1 $(BUILD) 100 1 quick
	$(RATE) 2 $(BUILD) 200 1 quick
	$(RATE) 3 $(BUILD) 100 1 quick
	$(RATE) 4 $(BUILD) 100 1 quick
	$(RATE) 5 $(BUILD) 120 1 quick
	$(RATE) 6 $(BUILD) 60 1 quick
	$(RATE) 7 $(BUILD) 300 1 quick
	$(RATE) 8 $(BUILD) 100 1 quick
	$(RATE) 13 $(BUILD) 20 1 quick
	@$(MAKE) --no-print-directory rate-plots

# tables that $(RESULTS) keeps: a run begins where they end
KEPT = loads fig1 fig2_errors fig3_measured fig4_theta fig5 fig6 fig6_loads fig8_pairs search_200 optima_200 anew_500
# one problem of everything first, then the rest
rate-long: $(RATE)
	@mkdir -p $(LONG)
	@for f in $(KEPT); do [ -e $(LONG)/rate_$$f.csv ] || cp $(RESULTS)/rate_$$f.csv $(LONG); done
	for f in "7 500 1" "2 500 1" "12 200 6" "8 500 1" "3 500 1" "4 500 1" "1 500 1" "5 200 10" "6 100 10" "13 60 10" \
	  "14 500 4" "12 500 4" "8 500 5" "3 500 5" "4 500 5" "1 500 5" "5 500 2" "6 200 4" "13 100 4" "9 60 5" \
	  "10 100 4" "11 100 10"; do \
	  set -- $$f; $(RATE) $$1 $(LONG) $$2 $$3 || exit 1; done

rate-one: $(RATE)
	$(RATE) $(FIGURE) $(BUILD) $(N) $(REPETITIONS) $(MODE)

rate-plots:
	@if command -v gnuplot >/dev/null; then gnuplot -e "build='$(BUILD)'" rate_figures.gp; \
	else echo "reproduce: no gnuplot (Debian: gnuplot-nox): the CSV files are in $(BUILD)"; fi

rate-pictures:
	@for f in $(KEPT); do cp $(LONG)/rate_$$f.csv $(RESULTS); done
	gnuplot -e "build='$(LONG)'; out='$(PICTURES)'" rate_figures.gp
	$(PYTHON) palette.py $(PICTURES)/rate_fig*.png

.PHONY: rate-load rate-spread rate-quick rate-long rate-one rate-plots rate-pictures rate-targets
