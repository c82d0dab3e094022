# Kernel memories (KLR-S, KLR-L) and what goes beyond the papers.
# make klr         coarse grids, a minute; then the pictures      make klr-full    fine grids, more repetitions: minutes
#                  one part: klr-phase klr-forces klr-spectrum klr-dynamics klr-capacity klr-lowrank klr-dense
#                  klr-own (neurons without their own bit) klr-solver klr-ring (sequences, answers) klr-bursts klr-margin
#                  klr-stop (early, penalties) klr-order (bit after bit) klr-size (recall against N)
#                  klr-plane (where random starts end) klr-lowload klr-inverse (pseudo-inverse, its diagonal kept or not)
# make klr-large   4,000 patterns of 1,000 bits to the optimum: minutes           make klr-plots   pictures from the CSV
# make klr-spread  five sets of patterns (KLR_SEEDS): $(RESULTS)/klr_*.csv, median and range
# make klr-targets every row of the reference's figures, those too slow for make -C tests too: passed, failed
KLR = phase forces spectrum dynamics bursts capacity lowrank dense own solver ring margin stop order size plane lowload inverse
SIZE =

klr: $(KLR:%=klr-%)
	@$(MAKE) --no-print-directory klr-plots
klr-full:
	@$(MAKE) --no-print-directory klr SIZE=full
$(KLR:%=klr-%): klr-%: $(BUILD)/klr
	@$(BUILD)/klr $* $(SIZE) $(BUILD)
KLR_SEEDS = 42 43 44 45 46
klr-spread: $(BUILD)/klr
	@mkdir -p $(RESULTS) $(KLR_SEEDS:%=$(BUILD)/seed%)
	@for s in $(KLR_SEEDS); do for p in phase forces dynamics bursts capacity lowrank "dense full" own solver ring margin stop order size plane lowload inverse; do $(BUILD)/klr $$p seed=$$s $(BUILD)/seed$$s || exit 1; done; done
	@for p in phase:gamma,load,patterns,training forces:load,patterns,training dynamics_summary:gamma,patterns,step capacity:load,patterns,memory,gamma lowrank:gamma,patterns,method,rank dense:memory,degree,dim own:neurons,patterns,gamma,own_bit solver:kernel,lambda ring:what,gamma,own_bit,target_bits,flipped \
	    slopes:training,predictor plane:gamma,patterns,training lowload:gamma,patterns,training inverse:patterns,diagonal bursts:gamma,patterns margin:kernel,gamma,patterns,own_bit,training stop:patterns,training order:gamma,patterns,own_bit,order size:load,neurons,own_bit; do \
	    $(PYTHON) spread.py $${p#*:} $(RESULTS)/klr_$${p%%:*}.csv $(KLR_SEEDS:%=$(BUILD)/seed%/klr_$${p%%:*}.csv) || exit 1; done
klr-large: $(BUILD)/large
	@$(BUILD)/large

$(BUILD)/klr: klr.c ../../hfy.h | $(BUILD)
	$(COMPILE) klr.c -o $@ -lm
$(BUILD)/large: large.c ../../hfy.h | $(BUILD)
	$(COMPILE) $(OPENMP) large.c -o $@ -lm

klr-targets: $(BUILD)/klr_targets
	@$(BUILD)/klr_targets
$(BUILD)/klr_targets: ../../tests/test_kernel.c ../../tests/check.h ../../hfy.h | $(BUILD)
	$(COMPILE) -DHFY_DOUBLE -DCHECK_FULL $< -o $@ -lm

klr-plots:
	@if command -v gnuplot >/dev/null; then gnuplot -e "build='$(BUILD)'; docs='$(PICTURES)'" klr.gp; \
	else echo "reproduce: no gnuplot (Debian: gnuplot-nox): the CSV files are in $(BUILD)"; fi
.PHONY: klr klr-full klr-spread klr-large klr-targets klr-plots $(KLR:%=klr-%)
