/* memory.js: hfy.h as WebAssembly, from the two files that carry it as text (wasm.js, digits.js); see play.c. */
"use strict";

const Memory = {
  SIM: { dot: 0, cosine: 1, euclidean: 2, manhattan: 3 },
  SEP: { softmax: 0, sparsemax: 1, entmax: 2, normmax: 3, ksubsets: 4, identity: 7, power: 8 },
  POST: { none: 0, sign: 2, l2: 3, layernorm: 4 },
  PIXELS: 784, DIGITS: 2000, SPOTS: 16, POINTS: 40000,

  bytes(base64) {
    return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  },

  async inflate(packed) {
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  },

  /* The pixels as MNIST has them: 2,000 x 784 bytes, then a byte for each label. */
  digits() {
    return Memory.inflate(Memory.bytes(HFY_DIGITS));
  },

  async open() {
    const [{ instance }, digits] = await Promise.all([
      WebAssembly.instantiate(Memory.bytes(HFY_WASM), {}), Memory.digits()]);
    const hfy = instance.exports, memory = hfy.memory.buffer;
    const { PIXELS, DIGITS, SPOTS, POINTS } = Memory;
    const real = (which, length) => new Float32Array(memory, hfy.play_array(which), length);
    const double = (which, length) => new Float64Array(memory, hfy.play_array(which), length);
    const settings = double(0, 11), numbers = double(1, 6), message = new Uint8Array(memory, hfy.play_array(12), 160);
    const it = {
      labels: digits.subarray(DIGITS * PIXELS),
      digits: real(2, DIGITS * PIXELS), spots: real(3, SPOTS * 2), query: real(4, PIXELS), scores: real(5, DIGITS),
      weights: real(6, DIGITS), projection: real(7, PIXELS), next: real(8, PIXELS), points: real(9, POINTS * 2),
      pointWeights: real(10, POINTS * SPOTS), energies: double(11, POINTS),
      digit: (i) => it.digits.subarray(i * PIXELS, (i + 1) * PIXELS),

      /* net: the settings of play.c by name; what is left out is the default of hfy.h. */
      use(net) {
        const { SIM, SEP, POST } = Memory;
        settings.set([net.plane ? 1 : 0, net.count, SIM[net.sim || "dot"], net.beta, SEP[net.sep], net.alpha || 0,
          net.gamma || 0, net.k || 0, net.degree || 0, POST[net.post || "none"], net.step || 0]);
      },
      check(status) {
        if (!status) return;
        throw new Error(new TextDecoder().decode(message.subarray(0, message.indexOf(0))) || "status " + status);
      },

      /* One step from it.query, into scores, weights, projection, next. */
      step() {
        it.check(hfy.play_step());
        const [energy, energyNext, best, support, residual, margin] = numbers;
        return { energy, energyNext, best, support, residual, margin };
      },
      scoresOnly() { it.check(hfy.play_scores()); return it.scores; },
      constant: () => hfy.play_constant(),
      energiesOf(count) { it.check(hfy.play_energies(count)); return it.energies; },
      flow(first, count, steps) { it.check(hfy.play_flow(first, count, steps)); },
      break(how, amount, seed) { hfy.play_break({ mask: 0, noise: 1, flip: 2 }[how], amount, seed); },

      /* All steps from it.query until the state no longer changes, `most` at most. What each stage gave is copied. */
      walk(net, most) {
        const dim = net.plane ? 2 : PIXELS, steps = [];
        it.use(net);
        for (let t = 0; t < most; t++) {
          const told = it.step();
          const state = it.query.slice(0, dim), next = it.next.slice(0, dim);
          steps.push({ ...told, state, next, projection: it.projection.slice(0, dim),
            scores: it.scores.slice(0, net.count), weights: it.weights.slice(0, net.count) });
          it.query.set(next);
          if (told.residual === 0) break;
        }
        return steps;
      },
    };
    it.digits.set(Float32Array.from(digits.subarray(0, DIGITS * PIXELS), (v) => v / 255 * 2 - 1));
    return it;
  },

  /* 64-bit FNV-1a of an array's bytes, as check.c has it. */
  hash(array) {
    let h = 0xcbf29ce484222325n;
    for (const b of new Uint8Array(array.buffer, array.byteOffset, array.byteLength)) {
      h = BigInt.asUintN(64, (h ^ BigInt(b)) * 0x100000001b3n);
    }
    return h.toString(16).padStart(16, "0");
  },

  /* What check.c prints for the same cases; `which` names them there. */
  cases: [
    { name: "sparsemax", sep: "sparsemax", beta: 0.1 },
    { name: "sparsemax blend", sep: "sparsemax", beta: 0.004 },
    { name: "1.5-entmax", sep: "entmax", alpha: 1.5, beta: 0.02 },
    { name: "3-entmax", sep: "entmax", alpha: 3, beta: 0.01 },
    { name: "2-normmax", sep: "normmax", gamma: 2, beta: 0.02 },
    { name: "4-subsets", sep: "ksubsets", k: 4, beta: 0.05, post: "l2" },
    { name: "euclidean", sep: "sparsemax", sim: "euclidean", beta: 0.1 },
    { name: "manhattan", sep: "sparsemax", sim: "manhattan", beta: 0.1 },
    { name: "classical", sep: "identity", beta: 1, post: "sign" },
    { name: "dense", sep: "power", degree: 4, beta: 1, post: "sign" },
    { name: "softmax", sep: "softmax", beta: 1 },
    { name: "softmax blend", sep: "softmax", beta: 0.02, rounded: true },
  ],
  report(it) {
    const lines = [];
    for (const net of Memory.cases) {
      for (const index of [7, 42, 1234]) {
        for (const how of ["mask", "flip"]) {
          it.query.set(it.digit(index));
          it.break(how, how === "mask" ? 0.5 : 0.2, index);
          const steps = it.walk({ ...net, count: Memory.DIGITS }, 8), last = steps[steps.length - 1];
          const bits = net.rounded ? last.next.reduce((a, v) => a + v, 0).toFixed(2)
            : Memory.hash(last.next) + " " + Memory.hash(last.weights);
          lines.push(`${net.name}, ${index} ${how}: ${steps.length} steps, ${last.support} weights, ` +
            `best ${last.best}, ${bits}`);
        }
      }
    }
    return lines.join("\n") + "\n";
  },
};
