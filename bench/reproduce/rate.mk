# Graded attractor networks (RATE), Figures 1 to 8.
#   make rate-quick    N 40 to 200, a minute or so; make rate-long the paper's sizes (N = 500 where it says so), hours
#                      (CFLAGS='-O3 -march=native -fopenmp' shares patterns and rows out; every row is written at once, so a
#                      run that is stopped keeps what it has)
#   make rate-one FIGURE=3 N=200 REPETITIONS=5 MODE=quick
#   make rate-targets  what random problems should show, with bounds, pass or fail: two minutes
#                      (ONLY=S7 one group, SEED=2 other problems)
#   make rate-spread   the same with five seeds: $(RESULTS)/rate_targets.csv, ten minutes
#   make rate-load     critical loads: theory beside networks of 500, 2000 and 8000 units, an hour or so: $(RESULTS)
# CSV files and SVG pictures: $(BUILD)/rate_fig*.csv, .svg

FIGURE = 1
N = 100
REPETITIONS = 2
MODE = quick
ONLY =
SEED = 1
RATE = $(BUILD)/rate_figures
RATE_TARGETS = $(BUILD)/rate_targets

$(RATE): rate_figures.c rate.h ../../hfy.h | $(BUILD)
	$(COMPILE) rate_figures.c -o $@ -lm

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
	$(RATE) 1 $(BUILD) 100 1 quick
	$(RATE) 2 $(BUILD) 200 1 quick
	$(RATE) 3 $(BUILD) 100 1 quick
	$(RATE) 4 $(BUILD) 100 1 quick
	$(RATE) 5 $(BUILD) 120 1 quick
	$(RATE) 6 $(BUILD) 60 1 quick
	$(RATE) 7 $(BUILD) 300 1 quick
	$(RATE) 8 $(BUILD) 100 1 quick
	@$(MAKE) --no-print-directory rate-plots

rate-long: $(RATE)
	$(RATE) 1 $(BUILD) 300 10
	$(RATE) 2 $(BUILD) 500 1
	$(RATE) 3 $(BUILD) 300 5
	$(RATE) 4 $(BUILD) 300 5
	$(RATE) 5 $(BUILD) 200 10
	$(RATE) 6 $(BUILD) 100 10
	$(RATE) 7 $(BUILD) 500 1
	$(RATE) 8 $(BUILD) 300 5
	$(RATE) 9 $(BUILD) 60 5
	$(RATE) 10 $(BUILD) 100 4
	@$(MAKE) --no-print-directory rate-plots

rate-one: $(RATE)
	$(RATE) $(FIGURE) $(BUILD) $(N) $(REPETITIONS) $(MODE)

rate-plots:
	@if command -v gnuplot >/dev/null; then gnuplot -e "build='$(BUILD)'" rate_figures.gp; \
	else echo "reproduce: no gnuplot (Debian: gnuplot-nox): the CSV files are in $(BUILD)"; fi

.PHONY: rate-load rate-spread rate-quick rate-long rate-one rate-plots rate-targets
