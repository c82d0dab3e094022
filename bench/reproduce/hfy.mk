# The figures and tables of the two papers on Hopfield networks. Included by Makefile.
# make hfy MNIST=DIR           everything; make hfy-table3, hfy-capacity, hfy-recall, hfy-sequence, hfy-dynamics, hfy-paths, hfy-exact, mhn-error
#   MORE='--draws 1'             further arguments of the program; see the head of each hfy_*.c and mhn_*.c
#   PICTURES=DIR                 where the pictures go (../../docs)
#   MNIST=DIR                    any pictures in IDX form, CIFAR-10's binary batches (data_batch_1.bin and on), or train.npy and
#                                test.npy (Tiny ImageNet: bytes of count x 64 x 64 x 3); see reproduce.h
HFY_PROGRAMS = hfy_metastable hfy_capacity hfy_recall hfy_sequence hfy_dynamics hfy_paths hfy_exact mhn_error

hfy: hfy-table3 hfy-capacity hfy-recall hfy-sequence hfy-dynamics hfy-paths mhn-error hfy-exact

$(HFY_PROGRAMS:%=$(BUILD)/%): $(BUILD)/%: %.c reproduce.h ../../hfy.h ../../examples/images.h | $(BUILD)
	$(COMPILE) $(OPENMP) -o $@ $< -lm

hfy-need-data:
	@test -n "$(MNIST)" || { echo "give MNIST=DIR, with train-images-idx3-ubyte and t10k-images-idx3-ubyte (or see hfy.mk)"; exit 1; }
hfy-table3: $(BUILD)/hfy_metastable hfy-need-data
	$(RUN) $< $(MNIST) --out $(BUILD) $(MORE)
	@mkdir -p $(RESULTS) && cp $(BUILD)/metastable.csv $(RESULTS)/hfy_table3.csv
hfy-capacity: $(BUILD)/hfy_capacity hfy-need-data
	$(RUN) $< $(MNIST) --out $(BUILD) $(MORE)
	$(PLOT) hfy_capacity.gp
hfy-recall: $(BUILD)/hfy_recall hfy-need-data
	$(RUN) $< $(MNIST) --out $(BUILD) $(MORE)
	$(PLOT) hfy_recall.gp
	@for s in free sequence; do convert $(BUILD)/recall_$$s.ppm $(PICTURES)/hfy_recall_$$s.png || echo "no ImageMagick: see recall_$$s.ppm"; done
hfy-sequence: $(BUILD)/hfy_sequence hfy-need-data
	$(RUN) $< $(MNIST) --out $(BUILD) $(MORE)
	@mkdir -p $(PICTURES)/results && cp $(BUILD)/sequential_recall.csv $(PICTURES)/results/
	$(PLOT) hfy_sequence.gp
hfy-dynamics: $(BUILD)/hfy_dynamics
	$(RUN) $< --out $(BUILD) $(MORE)
	$(PLOT) hfy_dynamics.gp
hfy-paths: $(BUILD)/hfy_paths
	$(RUN) $< --out $(BUILD) $(MORE)
	$(PLOT) hfy_paths.gp
# five seeds; capacity with 20 draws each: median, lowest, highest; the picture is of seed 1
mhn-error: $(BUILD)/mhn_error
	@mkdir -p $(RESULTS) $(SEEDS:%=$(BUILD)/mhn%)
	@for s in $(SEEDS); do $(RUN) $< $(MNIST) --seed $$s --out $(BUILD)/mhn$$s $(MORE) || exit 1; done
	@$(PYTHON) spread.py dim,k,beta,patterns $(RESULTS)/mhn_stored.csv $(SEEDS:%=$(BUILD)/mhn%/stored.csv)
	gnuplot -e "data='$(BUILD)/mhn1'; out='$(PICTURES)'" mhn_error.gp
.PHONY: hfy hfy-table3 hfy-capacity hfy-recall hfy-sequence hfy-dynamics hfy-paths hfy-exact mhn-error hfy-need-data
hfy-exact: $(BUILD)/hfy_exact hfy-need-data
	$(RUN) $< $(MNIST) --out $(BUILD) $(MORE)
